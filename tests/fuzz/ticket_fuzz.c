/* Tickets as they come with a stream's request: what does not look like one is refused before the database,
 * which is not there, is asked; what does has a hash of its own. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "base/str.h"
#include "control/secret.h"
#include "control/sessions/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_free_ char *ticket = str_ndup((const char *)data, size);
    struct err err = {0};
    struct ticket_use use = {0};
    char hash[KEY_HEX_SIZE];
    if (!id_is_hex(ticket, TICKET_SIZE - 1)) {
        if (ticket_use(NULL, "user-terminal-00000000", ticket, &use, &err) == 0 ||
            !err_is(&err, "bad_ticket"))
            abort();
        return 0;
    }
    secret_hash(ticket, hash);
    if (strlen(ticket) != TICKET_SIZE - 1 || !id_is_hex(hash, KEY_HEX_SIZE - 1) || str_eq(hash, ticket))
        abort();
    return 0;
}
