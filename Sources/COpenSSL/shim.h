/* The part of OpenSSL 3 that OpenSSLEngine uses: the EVP interface of libcrypto. libssl is not linked. */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

/* Macros that Swift can not read. */
enum { PM_EVP_PKEY_PUBLIC_KEY = EVP_PKEY_PUBLIC_KEY };
