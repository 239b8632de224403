/*
 * zsocket.h: the one place that makes ZeroMQ sockets, and that knows how they misbehave.
 *
 * Every socket gets the options of the table in zsocket.c: the defaults of libzmq 4.3.4 are off, unlimited
 * or forever. ZMQ_HEARTBEAT_IVL is never set: a connecting socket that stalls with a full queue and then
 * drains aborts the process (libzmq #3596, #4229, #4767). A socket belongs to one thread (the one that
 * opened it).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

enum {
	ZSOCKET_BROKERS_MAX = 8,
	ZSOCKET_ENDPOINT_MAX = 256,
	ZSOCKET_IDENTITY_MAX = 32, /* of a peer at a ROUTER; a peer that chooses a longer one is ignored */
};

/* One sentence for whoever configures: which setting is wrong, and how. */
struct zsocket_error {
	char text[256];
};

/*
 * Keys for TCP, as Z85 text: this process's own pair, and the brokers' public key (of a broker: its own).
 * All "": none, then TCP is for loopback only. Once, before any socket is opened. False: a key is malformed
 * or missing, or the pair does not match. ipc endpoints never use them.
 */
bool zsocket_use_curve(const char *public_key, const char *secret_key, const char *server_key,
	struct zsocket_error *error_out);
/* Whether connections at this endpoint are by key. */
bool zsocket_uses_curve(const char *endpoint);

/* Where libzmq asks about the keys of whoever connects (RFC 27): a REP socket. If nobody answers there,
 * libzmq 4.3.4 lets everybody in ("Stonehouse"), but then messages come without a key: see zsocket_key(). */
void *zsocket_bind_zap(struct zsocket_error *error_out);

/* The key of the connection that a message came by, as whoever answered for it named it; "" if nobody did.
 * Valid as long as the message. */
const char *zsocket_key(zmq_msg_t *message);

/*
 * Binds a ROUTER. NULL with a sentence: a malformed or taken endpoint, or one that other machines could
 * reach without CURVE. The directory of an ipc endpoint is made with mode 700 if it is missing, and refused
 * if others may enter it.
 */
void *zsocket_bind_router(const char *endpoint, struct zsocket_error *error_out);

/* Connects a DEALER to a literal endpoint (ipc://path, or tcp://address:port). Connecting goes on in the
 * background, for as long as the socket is open. */
void *zsocket_connect_dealer(const char *endpoint, struct zsocket_error *error_out);

/* What is not sent yet is dropped. */
void zsocket_close(void *socket);

/* The descriptor to wait on. It is edge-triggered, and any other operation on the socket may swallow the
 * edge: so before waiting, zsocket_events() must have said that there is no input. */
int zsocket_fd(void *socket);
/* ZMQ_POLLIN, ZMQ_POLLOUT. A DEALER without ZMQ_POLLOUT has no connection (its queue is never full: credit
 * sees to that). */
int zsocket_events(void *socket);

/* Sends one message, whose bytes came from malloc and are freed in any case. identity: NULL on a DEALER.
 * False: the peer is gone or its queue is full. Never blocks. */
bool zsocket_send(void *socket, const void *identity, size_t identity_len, uint8_t *bytes, size_t len);
/* Makes a message of bytes that came from malloc; they are freed with it. */
void zsocket_make_message(zmq_msg_t *message_out, uint8_t *bytes, size_t len);
/* Likewise with a message that is shared; it stays the caller's. */
bool zsocket_send_shared(void *socket, const void *identity, size_t identity_len, zmq_msg_t *message);

/* Receives one message into `message` (initialised; closed by the caller). False: there is none. Messages
 * of another form than one frame (after the identity) are dropped and counted in *dropped. */
bool zsocket_receive(
	void *socket, void *identity, size_t *identity_len, zmq_msg_t *message, uint64_t *dropped);

/* Monotonic time, ns. */
uint64_t zsocket_now_ns(void);
