/* What this machine has and how busy it is. */
#ifndef SS_AGENT_MACHINE_H
#define SS_AGENT_MACHINE_H

#include <stdint.h>

struct machine {
    uint64_t busy, total; /* processor time at the last look */
};

int64_t machine_cpu_millis(void);   /* processors, in thousandths */
int64_t machine_memory_bytes(void); /* physical; 0 when unknown */

/* Shares in use, 0 … 1: of the processors since the last call (zero-initialise `machine`), of memory now. */
double machine_cpu_load(struct machine *machine);
double machine_memory_load(void);

#endif
