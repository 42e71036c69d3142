#include "http/tls.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "http/tls_internal.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>

/* One reading of the files. */
struct identity {
    gnutls_pcert_st chain[HTTP_TLS_CHAIN_MAX];
    unsigned chain_length;
    gnutls_privkey_t key;
    int64_t expires_ms;
    struct identity *older;
};

struct http_tls {
    char *cert_file, *key_file;
    _Atomic(struct identity *) identity;
};

/* For the callback. */
static _Atomic(struct http_tls *) present;

static void identity_free(struct identity *identity) {
    while (identity) {
        struct identity *older = identity->older;
        for (unsigned i = 0; i < identity->chain_length; i++)
            gnutls_pcert_deinit(&identity->chain[i]);
        if (identity->key)
            gnutls_privkey_deinit(identity->key);
        free(identity);
        identity = older;
    }
}

static void identity_free_p(struct identity **identity) {
    identity_free(*identity);
}

static int refuse(const char *file, int code, struct err *err) {
    return err_set(err, ERR_INVALID, "bad_certificate", "%s: %s", file, gnutls_strerror(code));
}

static int read_chain(struct identity *identity, const char *file, struct err *err) {
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (file_read(file, HTTP_TLS_FILE_MAX, &text, &length, err) < 0)
        return -1;
    gnutls_datum_t pem = {(unsigned char *)text, (unsigned)length};
    unsigned count = HTTP_TLS_CHAIN_MAX;
    int code = gnutls_pcert_list_import_x509_raw(identity->chain, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return refuse(file, code, err);
    identity->chain_length = count;
    gnutls_x509_crt_t leaf;
    if (count == 0 || gnutls_pcert_export_x509(&identity->chain[0], &leaf) < 0)
        return err_set(err, ERR_INVALID, "bad_certificate", "%s: there is no certificate", file);
    identity->expires_ms = (int64_t)gnutls_x509_crt_get_expiration_time(leaf) * 1000;
    gnutls_x509_crt_deinit(leaf);
    return 0;
}

static int read_key(struct identity *identity, const char *file, struct err *err) {
    char *text = NULL;
    size_t length = 0;
    if (file_read(file, HTTP_TLS_FILE_MAX, &text, &length, err) < 0)
        return -1;
    gnutls_datum_t pem = {(unsigned char *)text, (unsigned)length};
    gnutls_privkey_init(&identity->key);
    int code = gnutls_privkey_import_x509_raw(identity->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    explicit_bzero(text, length);
    free(text);
    return code < 0 ? refuse(file, code, err) : 0;
}

/* The fingerprint of a public key. */
static bool key_id(gnutls_pubkey_t key, unsigned char id[32]) {
    size_t size = 32;
    return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, id, &size) == 0;
}

static bool belong_together(const struct identity *identity) {
    unsigned char of_key[32], of_certificate[32];
    gnutls_pubkey_t key;
    if (gnutls_pubkey_init(&key) < 0)
        return false;
    bool same = gnutls_pubkey_import_privkey(key, identity->key, 0, 0) == 0 && key_id(key, of_key) &&
                key_id(identity->chain[0].pubkey, of_certificate) &&
                memcmp(of_key, of_certificate, sizeof of_key) == 0;
    gnutls_pubkey_deinit(key);
    return same;
}

static int identity_read(const struct http_tls *tls, struct identity **ret, struct err *err) {
    _cleanup_(identity_free_p) struct identity *identity = mem_zalloc(sizeof *identity);
    if (read_chain(identity, tls->cert_file, err) < 0 || read_key(identity, tls->key_file, err) < 0)
        return -1;
    if (!belong_together(identity))
        return err_set(err, ERR_INVALID, "bad_certificate",
                       "%s is not the key of the first certificate in %s", tls->key_file, tls->cert_file);
    *ret = steal_pointer(&identity);
    return 0;
}

int http_tls_load(struct http_tls **ret, const char *cert_file, const char *key_file, struct err *err) {
    struct http_tls *tls = mem_zalloc(sizeof *tls);
    struct identity *identity = NULL;
    tls->cert_file = str_dup(cert_file);
    tls->key_file = str_dup(key_file);
    if (identity_read(tls, &identity, err) < 0) {
        http_tls_free(tls);
        return -1;
    }
    atomic_store(&tls->identity, identity);
    atomic_store(&present, tls);
    *ret = tls;
    return 0;
}

int http_tls_reload(struct http_tls *tls, struct err *err) {
    struct identity *fresh = NULL;
    if (identity_read(tls, &fresh, err) < 0)
        return -1;
    fresh->older = atomic_load(&tls->identity);
    atomic_store(&tls->identity, fresh);
    return 0;
}

int64_t http_tls_expires(const struct http_tls *tls) {
    return atomic_load(&tls->identity)->expires_ms;
}

void http_tls_free(struct http_tls *tls) {
    if (!tls)
        return;
    struct http_tls *expected = tls;
    atomic_compare_exchange_strong(&present, &expected, NULL);
    identity_free(atomic_load(&tls->identity));
    free(tls->cert_file);
    free(tls->key_file);
    free(tls);
}

int http_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                      gnutls_pcert_st **certificates, unsigned *certificates_length,
                      gnutls_ocsp_data_st **ocsp, unsigned *ocsp_length, gnutls_privkey_t *key,
                      unsigned *flags) {
    struct http_tls *tls = atomic_load(&present);
    if (!tls)
        return -1;
    struct identity *identity = atomic_load(&tls->identity);
    *certificates = identity->chain;
    *certificates_length = identity->chain_length;
    *ocsp = NULL;
    *ocsp_length = 0;
    *key = identity->key;
    *flags = 0; /* ours to free */
    return 0;
}
