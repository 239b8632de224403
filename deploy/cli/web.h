/* The parts of web.c that only the files beside it that talk HTTP need. */
#pragma once
#include "deploy/cli/cli.h"
#include <curl/curl.h>

struct web {
	CURL *curl;
	const char *token; /* of a session, or an API key; NULL: not signed in yet */
	bool is_session;   /* to be ended in web_close() */
};
