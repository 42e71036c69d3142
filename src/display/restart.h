/* When an ended program is started again, and when that is given up. Pure arithmetic: no clock, no processes.
 */
#ifndef SS_DISPLAY_RESTART_H
#define SS_DISPLAY_RESTART_H

#include <stdint.h>

#define RESTART_QUICK_MS 5000      /* a run shorter than this was a quick failure */
#define RESTART_QUICK_MAX 5        /* so many in a row and it is given up */
#define RESTART_STEADY_MS 60000    /* a run of this length puts the back-off back to its start */
#define RESTART_DELAY_MAX_MS 30000 /* back-off: 1, 2, 4 … 30 s */

/* Zero-initialise. */
struct restart_policy {
    int quick;      /* quick failures in a row */
    int short_runs; /* runs in a row that were not steady */
};

/* The program ended after running `ran_ms` (its exit code does not matter: a program that ends at once and
 * says that all is well is as useless). Returns the milliseconds to wait before starting it again, or -1:
 * give up. */
int64_t restart_next(struct restart_policy *policy, int64_t ran_ms);

#endif
