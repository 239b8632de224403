/*
 * tls: TLS 1.2 and 1.3 on a non-blocking socket, by OpenSSL directly (bufferevent_openssl costs two to
 * three times as much). No renegotiation, no compression; ALPN answers http/1.1 and refuses clients that
 * offer only something else.
 */
#pragma once

#include "kit/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_context; /* certificate and key: one a server, shared by its threads */
struct tls_session; /* one a connection */

/* Loads a PEM chain and its key. False: one sentence in error. */
MUST_CHECK bool tls_context_open(const char *certificate_file, const char *key_file,
	struct tls_context **context_out, char *error, size_t error_size);
/* Accepts NULL. */
void tls_context_close(struct tls_context *context);

/* A server session on fd, which stays the caller's. */
struct tls_session *tls_session_open(struct tls_context *context, int fd);
/* Says close_notify if the socket takes it, and frees. Accepts NULL. */
void tls_session_close(struct tls_session *session);
/* Says close_notify; receiving goes on. */
void tls_session_shutdown(struct tls_session *session);

enum tls_progress { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };
enum tls_progress tls_handshake(struct tls_session *session);

/*
 * As recv and send with errno in the result: bytes, 0 at the end (receive only), -EAGAIN, or another
 * negative number.
 */
ssize_t tls_receive(struct tls_session *session, char *data, size_t size);
ssize_t tls_send(struct tls_session *session, const char *data, size_t size);
/* Decrypted bytes wait inside, of which the socket's readiness says nothing. */
bool tls_has_pending(const struct tls_session *session);
