/* A configuration of two branches for tests. */
#pragma once

#include "hq/hq-config.h"

/* Branch hk-canton (852) with banks hk-canton-1 and -2, branch hk-airport (853) with one; constant.
 */
extern const struct hq_config branches;
