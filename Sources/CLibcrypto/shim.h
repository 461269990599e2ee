// swift-crypto's BoringSSL defines structures of these names too, with other members. A module that imports what is built on
// both, however far behind, makes the compiler compare them, and it refuses the program for the difference, or not,
// depending on what it has read before. So OpenSSL's get names of their own; they are the same types for libcrypto.
#define Netscape_spkac_st openssl_Netscape_spkac_st
#define Netscape_spki_st openssl_Netscape_spki_st
#define X509_algor_st openssl_X509_algor_st
#define X509_info_st openssl_X509_info_st
#define asn1_string_st openssl_asn1_string_st
#define asn1_type_st openssl_asn1_type_st
#define buf_mem_st openssl_buf_mem_st
#define evp_cipher_info_st openssl_evp_cipher_info_st
#define obj_name_st openssl_obj_name_st
#define private_key_st openssl_private_key_st
#define rsa_pss_params_st openssl_rsa_pss_params_st
#define CRYPTO_dynlock openssl_CRYPTO_dynlock

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
