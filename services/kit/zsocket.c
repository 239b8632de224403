#include "kit/zsocket.h"

#include "kit/frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* One ZeroMQ context a process, while any socket is open: it is one I/O thread. */
static struct {
	pthread_mutex_t lock;
	void *context;
	size_t sockets;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum role { ROUTER = 1, DEALER = 2, ZAP = 4, EVERY = ROUTER | DEALER | ZAP };

enum { KEY_LEN = 40 };

/* Set once, before threads start. */
static struct {
	bool is_set;
	char public_key[KEY_LEN + 1];
	char secret_key[KEY_LEN + 1];
	char server_key[KEY_LEN + 1];
} curve;

struct option {
	enum role role;
	int name;
	int value;
};

/* Timings in ms. High-water marks count messages, not bytes, and lose: credit is the bound, these are the
 * fuse. */
static const struct option OPTIONS[] = {
	{ EVERY, ZMQ_LINGER, 0 },    /* default: closing waits forever */
	{ EVERY, ZMQ_IMMEDIATE, 1 }, /* queue nothing for a peer that is not there */
	{ EVERY, ZMQ_SNDHWM, 1000 },
	{ EVERY, ZMQ_RCVHWM, 1000 },
	{ EVERY, ZMQ_HANDSHAKE_IVL, 5000 }, /* a peer that connects and says nothing */
	{ EVERY, ZMQ_TCP_MAXRT, 10000 },    /* default: off; half-open connections */
	{ EVERY, ZMQ_TCP_KEEPALIVE, 1 },
	{ EVERY, ZMQ_TCP_KEEPALIVE_IDLE, 15 }, /* s */
	{ EVERY, ZMQ_TCP_KEEPALIVE_INTVL, 5 }, /* s */
	{ EVERY, ZMQ_TCP_KEEPALIVE_CNT, 3 },
	{ EVERY, ZMQ_IPV6, 1 },
	{ DEALER, ZMQ_CONNECT_TIMEOUT, 2000 }, /* default: the kernel's, minutes */
	{ DEALER, ZMQ_RECONNECT_IVL, 100 },
	{ DEALER, ZMQ_RECONNECT_IVL_MAX, 5000 }, /* default: no back-off */
	{ ROUTER, ZMQ_ROUTER_MANDATORY, 1 },     /* default: sending to who is gone succeeds */
	{ ROUTER, ZMQ_BACKLOG, 1024 },
};

/* Always false. */
static bool fail(struct zsocket_error *error_out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct zsocket_error *error_out, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error_out->text, sizeof(error_out->text), format, arguments);
	va_end(arguments);
	return false;
}

static void *context_acquire(void)
{
	pthread_mutex_lock(&shared.lock);
	if (!shared.context)
		shared.context = zmq_ctx_new();
	if (shared.context)
		shared.sockets++;
	void *context = shared.context;

	pthread_mutex_unlock(&shared.lock);
	return context;
}

static void context_release(void)
{
	pthread_mutex_lock(&shared.lock);
	assert(shared.sockets > 0);
	if (--shared.sockets == 0) {
		while (zmq_ctx_term(shared.context) != 0 && errno == EINTR)
			;
		shared.context = NULL;
	}
	pthread_mutex_unlock(&shared.lock);
}

static void set_options(void *socket, enum role role)
{
	int64_t size_max = FRAME_MESSAGE_MAX;

	for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(*OPTIONS); i++) {
		const struct option *option = &OPTIONS[i];

		if (!(option->role & role))
			continue;
		if (zmq_setsockopt(socket, option->name, &option->value, sizeof(option->value)) != 0)
			abort(); /* the table is wrong for this libzmq: our bug */
	}
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof(size_max)) != 0)
		abort();
}

static void *open_socket(int type, enum role role, struct zsocket_error *error_out)
{
	void *context = context_acquire();
	void *socket = context ? zmq_socket(context, type) : NULL;

	if (socket) {
		set_options(socket, role);
		return socket;
	}
	fail(error_out, "cannot open a ZeroMQ socket: %s", zmq_strerror(errno));
	if (context)
		context_release();
	return NULL;
}

/* The directory that holds the socket file is what keeps others out: libzmq makes the file itself open to
 * all. */
static bool prepare_directory(const char *path, struct zsocket_error *error_out)
{
	char directory[ZSOCKET_ENDPOINT_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');

	if (*path != '/' || !slash || slash == path)
		return fail(
			error_out, "ipc://%s: the path must be absolute and in a directory of its own", path);
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return fail(error_out, "ipc://%s: cannot make the directory: %s", path, strerror(errno));
	if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode))
		return fail(error_out, "ipc://%s: %s is not a directory", path, directory);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return fail(error_out, "ipc://%s: %s must belong to this user and have mode 700", path,
			directory);
	return true;
}

/* libzmq removes an existing socket file before it binds, also one that another process is serving. */
static bool nobody_serves(const char *path, struct zsocket_error *error_out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(error_out, "ipc://%s: the path has more than %zu bytes", path,
			sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	if (fd >= 0)
		close(fd);
	if (served)
		return fail(error_out, "ipc://%s: another process is serving it", path);
	return true;
}

static bool is_loopback(const char *authority)
{
	char host[64];
	const char *colon = strrchr(authority, ':');
	struct in_addr v4;

	if (!colon || (size_t)(colon - authority) >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - authority), authority);
	if (strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static bool may_bind(const char *endpoint, struct zsocket_error *error_out)
{
	if (strlen(endpoint) >= ZSOCKET_ENDPOINT_MAX)
		return fail(error_out, "an endpoint has more than %d bytes", ZSOCKET_ENDPOINT_MAX - 1);
	if (strncmp(endpoint, "ipc://", 6) == 0)
		return prepare_directory(endpoint + 6, error_out) && nobody_serves(endpoint + 6, error_out);
	if (strncmp(endpoint, "tcp://", 6) != 0)
		return fail(error_out, "%s: an endpoint is ipc://<path> or tcp://<address>:<port>", endpoint);
	if (!is_loopback(endpoint + 6) && !curve.is_set)
		return fail(
			error_out, "%s: refusing to listen beyond this machine without CURVE keys", endpoint);
	return true;
}

static bool copy_key(char *out, const char *text, const char *what, struct zsocket_error *error_out)
{
	uint8_t bytes[KEY_LEN * 4 / 5];

	if (strlen(text) != KEY_LEN || !zmq_z85_decode(bytes, text))
		return fail(error_out, "the CURVE %s key is not %d characters of Z85", what, KEY_LEN);
	memcpy(out, text, KEY_LEN + 1);
	return true;
}

bool zsocket_use_curve(const char *public_key, const char *secret_key, const char *server_key,
	struct zsocket_error *error_out)
{
	char derived[KEY_LEN + 1];

	curve.is_set = false;
	if (!*public_key && !*secret_key && !*server_key)
		return true;
	if (!copy_key(curve.public_key, public_key, "public", error_out) ||
		!copy_key(curve.secret_key, secret_key, "secret", error_out) ||
		!copy_key(curve.server_key, server_key, "server", error_out))
		return false;
	if (zmq_curve_public(derived, curve.secret_key) != 0 || strcmp(derived, curve.public_key) != 0)
		return fail(error_out, "the CURVE public key does not belong to the secret key");
	curve.is_set = true;
	return true;
}

static void set_text(void *socket, int option, const char *value)
{
	if (zmq_setsockopt(socket, option, value, strlen(value)) != 0)
		abort(); /* keys were found to be right */
}

bool zsocket_uses_curve(const char *endpoint)
{
	return curve.is_set && strncmp(endpoint, "tcp://", 6) == 0;
}

static void *open_router(const char *endpoint, struct zsocket_error *error_out)
{
	void *socket = open_socket(ZMQ_ROUTER, ROUTER, error_out);
	int one = 1;

	if (!socket || !zsocket_uses_curve(endpoint))
		return socket;
	zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof(one));
	set_text(socket, ZMQ_CURVE_SECRETKEY, curve.secret_key);
	set_text(socket, ZMQ_ZAP_DOMAIN, "guanxi");
	return socket;
}

void *zsocket_bind_zap(struct zsocket_error *error_out)
{
	void *socket = open_socket(ZMQ_REP, ZAP, error_out);

	if (socket && zmq_bind(socket, "inproc://zeromq.zap.01") != 0) {
		fail(error_out, "cannot answer for keys: %s", zmq_strerror(errno));
		zsocket_close(socket);
		return NULL;
	}
	return socket;
}

const char *zsocket_key(zmq_msg_t *message)
{
	const char *key = zmq_msg_gets(message, "User-Id");

	return key ? key : "";
}

void *zsocket_bind_router(const char *endpoint, struct zsocket_error *error_out)
{
	if (!may_bind(endpoint, error_out))
		return NULL;

	void *socket = open_router(endpoint, error_out);

	if (socket && zmq_bind(socket, endpoint) != 0) {
		fail(error_out, "%s: cannot listen: %s", endpoint, zmq_strerror(errno));
		zsocket_close(socket);
		return NULL;
	}
	return socket;
}

void *zsocket_connect_dealer(const char *endpoint, struct zsocket_error *error_out)
{
	void *socket = open_socket(ZMQ_DEALER, DEALER, error_out);

	if (socket && zsocket_uses_curve(endpoint)) {
		set_text(socket, ZMQ_CURVE_PUBLICKEY, curve.public_key);
		set_text(socket, ZMQ_CURVE_SECRETKEY, curve.secret_key);
		set_text(socket, ZMQ_CURVE_SERVERKEY, curve.server_key);
	}
	if (socket && zmq_connect(socket, endpoint) != 0) {
		fail(error_out, "%s: cannot connect: %s", endpoint, zmq_strerror(errno));
		zsocket_close(socket);
		return NULL;
	}
	return socket;
}

void zsocket_close(void *socket)
{
	zmq_close(socket);
	context_release();
}

int zsocket_fd(void *socket)
{
	int fd = -1;
	size_t size = sizeof(fd);

	if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
		abort();
	return fd;
}

int zsocket_events(void *socket)
{
	int events = 0;
	size_t size = sizeof(events);

	while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0)
		assert(errno == EINTR);
	return events;
}

/* A part that was accepted with SNDMORE obliges to send the rest, and the rest cannot be refused then. */
static bool send_identity(void *socket, const void *identity, size_t identity_len)
{
	while (zmq_send(socket, identity, identity_len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

static bool send_message(void *socket, const void *identity, size_t identity_len, zmq_msg_t *message)
{
	bool sent = !identity || send_identity(socket, identity, identity_len);

	while (sent && zmq_msg_send(message, socket, ZMQ_DONTWAIT) < 0)
		if (errno != EINTR)
			sent = false;
	if (!sent)
		zmq_msg_close(message);
	return sent;
}

static void free_bytes(void *bytes, void *hint)
{
	(void)hint;
	free(bytes);
}

void zsocket_make_message(zmq_msg_t *message_out, uint8_t *bytes, size_t len)
{
	if (zmq_msg_init_data(message_out, bytes, len, free_bytes, NULL) != 0)
		abort(); /* out of memory */
}

bool zsocket_send(void *socket, const void *identity, size_t identity_len, uint8_t *bytes, size_t len)
{
	zmq_msg_t message;

	zsocket_make_message(&message, bytes, len);
	return send_message(socket, identity, identity_len, &message);
}

bool zsocket_send_shared(void *socket, const void *identity, size_t identity_len, zmq_msg_t *message)
{
	zmq_msg_t copy;

	zmq_msg_init(&copy);
	if (zmq_msg_copy(&copy, message) != 0)
		abort();
	return send_message(socket, identity, identity_len, &copy);
}

static bool receive_part(void *socket, zmq_msg_t *message)
{
	while (zmq_msg_recv(message, socket, ZMQ_DONTWAIT) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

/* Parts of one message arrive together or not at all. */
static void drop_rest(void *socket, zmq_msg_t *message)
{
	while (zmq_msg_more(message) && receive_part(socket, message))
		;
}

static bool receive_identity(void *socket, void *identity, size_t *identity_len, zmq_msg_t *message)
{
	if (!receive_part(socket, message))
		return false;
	*identity_len = zmq_msg_size(message);
	if (*identity_len <= ZSOCKET_IDENTITY_MAX)
		memcpy(identity, zmq_msg_data(message), *identity_len);
	return true;
}

bool zsocket_receive(
	void *socket, void *identity, size_t *identity_len, zmq_msg_t *message, uint64_t *dropped)
{
	for (;;) {
		if (identity && !receive_identity(socket, identity, identity_len, message))
			return false;

		bool sound = !identity || (*identity_len <= ZSOCKET_IDENTITY_MAX && zmq_msg_more(message));

		if (sound && !receive_part(socket, message))
			return false;
		if (sound && !zmq_msg_more(message))
			return true;
		drop_rest(socket, message);
		++*dropped;
	}
}

uint64_t zsocket_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#ifdef __SANITIZE_THREAD__
/* Neither libzmq nor libsodium in it is built with the sanitizer, so what they order looks unordered. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "race:libzmq.so\ncalled_from_lib:libzmq.so\nrace:libsodium.so\ncalled_from_lib:libsodium.so\n";
}
#endif
