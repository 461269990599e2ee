// The types and numbers of PKCS#11 2.40 (OASIS). Only the header is used: a module is loaded when the program runs, so nothing
// is linked, and the package's pkg-config file, which would link p11-kit, is left alone.
#define CRYPTOKI_GNU
#include <p11-kit-1/p11-kit/pkcs11.h>
