/*
 * Records by the key that another system knows them by: `PUT /api/v1/customers/external/erp/4711` makes the
 *customer or changes it, whichever is right, and sixteen at once make one. A resource says `external_ids:
 *true`; the table external_id of its service holds which record has which key. Methods of the kit, found by
 *name for every such resource:
 *
 *	customers.putExternal, customers.getExternal, customers.deleteExternal      (guanxi.ExternalRequest)
 */
#pragma once
#include "kit/service.h"

/* NULL: `verb` is none of these, or the resource takes no external ids. */
const struct method *external_method(const struct schema_resource *resource, const char *verb);
