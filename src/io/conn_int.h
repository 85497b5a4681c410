/* SPDX-License-Identifier: Apache-2.0 */
/* What conn.c and the TLS filter share. Only for this folder. */
#ifndef WEFT_IO_CONN_INT_H
#define WEFT_IO_CONN_INT_H

#include "io/conn.h"

struct tls_session;

/* A TLS session over the descriptor, as conn.c drives it. Results as in conn.h; `ret_more` tells
 * whether another read may give bytes without a new event of the loop. */
MUST_USE int tls_session_new(const struct tls_config *config, int fd, const char *server_name,
                             struct tls_session **ret);
void tls_session_free(struct tls_session *session);
/* 0 done, ERR_AGAIN, or ERR_TLS / ERR_EOF / ... */
MUST_USE int tls_session_handshake(struct tls_session *session);
MUST_USE ssize_t tls_session_read(struct tls_session *session, void *into, size_t size,
                                  bool *ret_more);
MUST_USE ssize_t tls_session_writev(struct tls_session *session, const struct iovec *pieces,
                                    int piece_count);
void tls_session_shutdown(struct tls_session *session);
struct slice tls_session_alpn(const struct tls_session *session);
struct slice tls_session_sni(const struct tls_session *session);
/* Kept by the session. */
struct slice tls_session_peer_uri_san(struct tls_session *session);
struct slice tls_session_peer_cert_der(struct tls_session *session);
/* Why the handshake failed, for the log. */
const char *tls_session_reason(const struct tls_session *session);

#endif
