/* For server.c: GnuTLS's question for a certificate. */
#ifndef SS_HTTP_TLS_INTERNAL_H
#define SS_HTTP_TLS_INTERNAL_H

#include <gnutls/abstract.h>

int http_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                      gnutls_pcert_st **certificates, unsigned *certificates_length,
                      gnutls_ocsp_data_st **ocsp, unsigned *ocsp_length, gnutls_privkey_t *key,
                      unsigned *flags);

#endif
