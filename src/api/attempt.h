/* How often one may try to sign in, to give a code, or to use a token that may be stolen.
 *
 * A try is counted under this account from this address, and more widely under the address and the account
 * alone, so that neither many accounts from one place nor one account from many places can be tried for long.
 * The account's own wide bucket is large enough that a stranger cannot easily keep its owner out. Tries that
 * were no guesses are given back. Each replica counts for itself.
 */
#ifndef SS_API_ATTEMPT_H
#define SS_API_ATTEMPT_H

#include "api/call.h"

#define ATTEMPT_KEY_MAX 400
#define ATTEMPT_KEYS 3

struct attempt {
    struct rate_limit *limits[ATTEMPT_KEYS];
    char keys[ATTEMPT_KEYS][ATTEMPT_KEY_MAX];
    size_t count;
};

/* For passwords and tokens; `account` is what the client says. */
void attempt_init(struct attempt *attempt, const struct call *call, const char *account);
/* For what names no account: under the address alone. */
void attempt_init_address(struct attempt *attempt, const struct call *call);
/* For one-time codes: a million of them, three good at a time. Under the account alone, one more a minute. */
void attempt_init_code(struct attempt *attempt, const struct call *call, const char *account);
/* ERR_LIMIT, with call->retry_after, when there were too many. */
int attempt_begin(struct attempt *attempt, struct call *call, struct err *err);
/* It was no guess: it does not count. */
void attempt_forgive(struct attempt *attempt);

#endif
