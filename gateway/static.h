/*
 * static: the built web UI, served from memory. Everything is read once, at start, within a declared limit;
 * a request never touches the file system, so no path can lead out of it.
 *
 * A name below /assets/ carries a hash of its content: it is kept by browsers for ever. A path that is no
 * file is answered with index.html, for the UI's own router, unless it looks like a file or lies below
 * /assets/ or /api/ (404). Siblings *.br and *.gz that the build made are sent to clients that take them.
 * HEAD and If-None-Match are understood; other methods get 405.
 */
#pragma once

#include "gateway/server.h"

enum {
	STATIC_SIZE_MAX = 64 * 1024 * 1024, /* of all files together */
	STATIC_FILES_MAX = 4096,
	STATIC_DEPTH_MAX = 16,
};

struct static_files;

/*
 * Reads the directory. Symbolic links and names that begin with a dot are left out; a directory without
 * index.html, an unreadable file or more than the limits is an error: false, and one sentence in error.
 */
MUST_CHECK bool static_open(
	const char *directory, struct static_files **files_out, char error[SERVER_ERROR_SIZE]);
/* The server that serves them must be closed before. Accepts NULL. */
void static_close(struct static_files *files);

/* Answers the exchange, always. */
void static_serve(const struct static_files *files, struct exchange *x);
