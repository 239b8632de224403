/*
 * How a request says who it comes from: `Authorization: Bearer <token>` of programs, with a session's token
 * or an API key, or the cookie of a browser. A browser sends its cookie also when another site made it ask,
 * so unsafe requests with a cookie must show the CSRF token (a keyed hash of the session's token, which only
 * our own pages can read) and come from our own origin.
 */
#pragma once
#include "gateway/call.h"

#define SESSION_COOKIE "guanxi_session"
#define CSRF_COOKIE    "guanxi_csrf"

enum { TOKEN_TEXT = 43, CSRF_TEXT = 43 }; /* 32 bytes in base64url */

/* Finds the token and hashes it. A malformed one counts as none and is refused when one is needed. */
void credentials_read(struct call *call);
/* GO_ON, or FAILED when a browser's request is not proven to be of our own pages. */
enum progress credentials_check(struct call *call);
/* GO_ON, or FAILED when the request names an origin that is not ours. */
enum progress credentials_check_origin(struct call *call);

/* The cookies for a session that begins; the time is when it ends at the latest. */
void credentials_add_cookies(struct call *call, struct slice token, int64_t expire_us);
void credentials_clear_cookies(struct call *call);
