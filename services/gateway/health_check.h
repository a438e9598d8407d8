// `maestro-gateway --health`: asks the gateway that runs here whether it is ready, without curl, for containers.
#pragma once

#include "gateway/settings.h"

namespace maestro::gateway {

// Blocking, at most limits::health_check_time_max. Says on stderr what is wrong.
bool check_health(const Settings& settings);

}  // namespace maestro::gateway
