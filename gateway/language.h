/*
 * In which of our languages a client wants its texts: Accept-Language (RFC 9110 12.5.4). English unless
 * Chinese is wanted more.
 */
#pragma once
#include "kit/http.h"
#include "kit/problem.h"

enum language language_of(const struct http_head *head);
/* The same of one value; its data may be NULL. */
enum language language_of_value(struct http_slice accept_language);
