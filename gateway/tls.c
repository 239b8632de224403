#include "gateway/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* Our names for OpenSSL's own objects: struct tls_context is an SSL_CTX, struct tls_session an SSL. */
static SSL_CTX *context_of(struct tls_context *context)
{
	return (SSL_CTX *)context;
}

static SSL *ssl_of(const struct tls_session *session)
{
	return (SSL *)session;
}

static bool fail(SSL_CTX *context, const char *what, const char *file, char *error, size_t error_size)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(error, error_size, "The TLS %s %s cannot be used: %s.", what, file,
		reason ? reason : "it cannot be read");
	ERR_clear_error();
	SSL_CTX_free(context);
	return false;
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
	const unsigned char *in, unsigned in_size, void *unused)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl, (void)unused;
	if (SSL_select_next_proto((unsigned char **)out, out_size, ours, sizeof(ours) - 1, in, in_size) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

bool tls_context_open(const char *certificate_file, const char *key_file, struct tls_context **context_out,
	char *error, size_t error_size)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context)
		return fail(NULL, "library for", certificate_file, error, error_size);
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(
		context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/*
	 * An idle connection keeps no record buffers; a send that was cut short may be repeated from
	 * another buffer.
	 */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
	if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1)
		return fail(context, "certificate", certificate_file, error, error_size);
	if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1)
		return fail(context, "key", key_file, error, error_size);
	*context_out = (struct tls_context *)context;
	return true;
}

void tls_context_close(struct tls_context *context)
{
	SSL_CTX_free(context_of(context));
}

struct tls_session *tls_session_open(struct tls_context *context, int fd)
{
	SSL *ssl = SSL_new(context_of(context));

	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return (struct tls_session *)ssl;
}

void tls_session_shutdown(struct tls_session *session)
{
	/* OpenSSL must not be asked to before the handshake is over, nor twice. */
	if (SSL_is_init_finished(ssl_of(session)) && SSL_get_shutdown(ssl_of(session)) == 0)
		SSL_shutdown(ssl_of(session));
	ERR_clear_error();
}

void tls_session_close(struct tls_session *session)
{
	if (!session)
		return;
	tls_session_shutdown(session);
	SSL_free(ssl_of(session));
}

enum tls_progress tls_handshake(struct tls_session *session)
{
	int result = SSL_do_handshake(ssl_of(session));

	if (result == 1)
		return TLS_DONE;
	switch (SSL_get_error(ssl_of(session), result)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	default:
		ERR_clear_error();
		return TLS_FAILED;
	}
}

/*
 * Without renegotiation a read that wants to write (or the reverse) is a peer that asks for key updates and
 * does not read the answers; it is given up like any broken connection.
 */
static ssize_t outcome(struct tls_session *session, int result, int wanted)
{
	int error = SSL_get_error(ssl_of(session), result);

	ERR_clear_error();
	if (error == wanted)
		return -EAGAIN;
	return error == SSL_ERROR_ZERO_RETURN ? 0 : -EPROTO;
}

ssize_t tls_receive(struct tls_session *session, char *data, size_t size)
{
	int result = SSL_read(ssl_of(session), data, size > INT_MAX ? INT_MAX : (int)size);

	return result > 0 ? result : outcome(session, result, SSL_ERROR_WANT_READ);
}

ssize_t tls_send(struct tls_session *session, const char *data, size_t size)
{
	int result = SSL_write(ssl_of(session), data, size > INT_MAX ? INT_MAX : (int)size);

	if (result > 0)
		return result;
	ssize_t code = outcome(session, result, SSL_ERROR_WANT_WRITE);

	return code == 0 ? -EPIPE : code;
}

bool tls_has_pending(const struct tls_session *session)
{
	return SSL_pending(ssl_of(session)) > 0;
}
