/*
 * resolve.h: looking a host name up without waiting for it. libzmq would do so in its I/O thread, where all
 * sockets wait.
 *
 *	struct resolve *resolve = resolve_start("broker.crm.svc");
 *	…                                         // now and then
 *	if (resolve_done(resolve)) { use(resolve_addresses(resolve)); resolve_free(resolve); }
 */
#pragma once

#include <netdb.h>
#include <stdbool.h>

struct resolve;

/* NULL: no thread can be started; try later. */
struct resolve *resolve_start(const char *host);
bool resolve_done(const struct resolve *resolve);
/* Once done. NULL: the name has no address, or could not be looked up. Valid until resolve_free(). */
const struct addrinfo *resolve_addresses(const struct resolve *resolve);
/* Also before it is done, and NULL: a look-up that is under way ends unheard. */
void resolve_free(struct resolve *resolve);
