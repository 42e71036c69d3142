#include "display/restart.h"

int64_t restart_next(struct restart_policy *policy, int64_t ran_ms) {
    policy->quick = ran_ms < RESTART_QUICK_MS ? policy->quick + 1 : 0;
    if (policy->quick >= RESTART_QUICK_MAX)
        return -1;
    if (ran_ms >= RESTART_STEADY_MS)
        policy->short_runs = 0;
    int64_t delay = 1000;
    for (int i = 0; i < policy->short_runs && delay < RESTART_DELAY_MAX_MS; i++)
        delay *= 2;
    policy->short_runs++;
    return delay < RESTART_DELAY_MAX_MS ? delay : RESTART_DELAY_MAX_MS;
}
