/*
 * What a service knows of users and teams: a projection of identity's stream into its tables user_ref and
 *team_ref (id, name, active, delete_time), against which references are checked.
 *
 *	static const struct subscription follows[] = { { "sales.identity", "identity", people_apply }, { 0 }
 *};
 */
#pragma once
#include "kit/consumer.h"

enum status people_apply(struct request *req, const struct consumer_event *event) MUST_CHECK;
