#include "api/attempt.h"

void attempt_init(struct attempt *attempt, const struct call *call, const char *account) {
    const char *address = http_peer(call->request);
    attempt->count = ATTEMPT_KEYS;
    attempt->limits[0] = call->api->login_accounts;
    attempt->limits[1] = attempt->limits[2] = call->api->login_addresses;
    snprintf(attempt->keys[0], ATTEMPT_KEY_MAX, "both:%s:%s", address, account);
    snprintf(attempt->keys[1], ATTEMPT_KEY_MAX, "address:%s", address);
    snprintf(attempt->keys[2], ATTEMPT_KEY_MAX, "account:%s", account);
}

void attempt_init_address(struct attempt *attempt, const struct call *call) {
    attempt->count = 1;
    attempt->limits[0] = call->api->login_addresses;
    snprintf(attempt->keys[0], ATTEMPT_KEY_MAX, "address:%s", http_peer(call->request));
}

void attempt_init_code(struct attempt *attempt, const struct call *call, const char *account) {
    attempt->count = 1;
    attempt->limits[0] = call->api->code_accounts;
    snprintf(attempt->keys[0], ATTEMPT_KEY_MAX, "code:%s", account);
}

int attempt_begin(struct attempt *attempt, struct call *call, struct err *err) {
    for (size_t i = 0; i < attempt->count; i++) {
        int64_t wait_ms;
        if (rate_limit_take(attempt->limits[i], attempt->keys[i], &wait_ms))
            continue;
        while (i--)
            rate_limit_give_back(attempt->limits[i], attempt->keys[i]);
        call->retry_after = (unsigned)(wait_ms / 1000 + 1);
        return err_set(err, ERR_LIMIT, NULL, "too many failed attempts; try again in %u s",
                       call->retry_after);
    }
    return 0;
}

void attempt_forgive(struct attempt *attempt) {
    for (size_t i = 0; i < attempt->count; i++)
        rate_limit_give_back(attempt->limits[i], attempt->keys[i]);
}
