#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/// Frees what libcrypto allocated and zeroes it first. `OPENSSL_clear_free` is a macro, which Swift does not see.
static inline void chatelaine_clear_free(void *address, size_t count) {
    OPENSSL_clear_free(address, count);
}
