/*
 * access.h: which key may do what, where the broker is reached over TCP. Processes on the same machine that
 * come by ipc have no key and may do everything: the mode of the directory keeps others out.
 *
 * The list is a file, one key a line, and is read again when it changes; a key that is taken off it is not
 * heard any more:
 *
 *	# gateway
 *	rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 call
 *	# the customer service, which also calls others
 *	Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID call serve:customer
 *
 *	call            may call any queue and follow any stream
 *	serve:<name>    may serve queues whose names begin with "<name>." and publish the stream "<name>"
 *
 * One thread looks after the list and answers libzmq, which asks about each key that connects (ZAP, RFC
 * 27).
 */
#pragma once

#include "kit/zsocket.h"

enum {
	ACCESS_KEYS_MAX = 1024,
	ACCESS_SERVES_MAX = 8, /* names that one key may serve */
	ACCESS_RELOAD_MS = 2000,
	ACCESS_KEY_LEN = 40, /* a CURVE public key in Z85 */
};

struct access;

enum access_right { ACCESS_CALL, ACCESS_SERVE };

/* Reads the list and starts the thread; before anything is bound. path "": no key is let in. NULL:
 * error_out names the line. */
struct access *access_open(const char *path, struct zsocket_error *error_out);
void access_close(struct access *access);

/* Whether the key may call or serve a queue or stream; "" may nothing. access NULL: all are local and may
 * everything. Any thread. */
bool access_may(
	struct access *access, const char *key, enum access_right right, const char *name, size_t name_len);
