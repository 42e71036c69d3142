/* The table of settings. Groups show in the order of their first rows. */
#include "control/settings/settings.h"

#include "base/str.h"

static bool is_url(const char *text) {
    return (str_starts(text, "http://") || str_starts(text, "https://")) && strchr(text, '.') != text &&
           !strpbrk(text, " \t\"<>") && strlen(strstr(text, "://")) > 3;
}

/* Codes and secrets go to it: https, or http on this machine (development). */
static bool is_issuer(const char *text) {
    return is_url(text) && (str_starts(text, "https://") || str_starts(text, "http://127.0.0.1:") ||
                            str_starts(text, "http://localhost:") || str_starts(text, "http://[::1]:"));
}

#define STORED_DURATION SETTING_DURATION, SETTING_STORED
#define STORED_INTEGER SETTING_INTEGER, SETTING_STORED

const struct setting_row setting_table[SETTINGS] = {
    [SETTING_CONFIG] = {"config", SETTING_TEXT, 0, .group = "Serving", .metavar = "FILE",
                        .help = "read settings from this file: YAML, or lines of `name = value`"},
    [SETTING_LISTEN] = {"listen", SETTING_TEXT, 0, "127.0.0.1:8000", .group = "Serving",
                        .metavar = "ADDRESS:PORT", .help = "where to serve; port 0 takes a free one"},
    [SETTING_PUBLIC_URL] = {"public-url", SETTING_TEXT, 0, .valid = is_url,
                            .expect = "a URL such as https://desktops.example.org", .group = "Serving",
                            .metavar = "URL", .help = "how browsers reach this server, when not by --listen"},
    [SETTING_ADVERTISE] = {"advertise", SETTING_TEXT, SETTING_NOT_UNDER_UP, .valid = is_url,
                           .expect = "a URL such as http://10.0.0.5:8000", .group = "Serving",
                           .metavar = "URL", .help = "how other servers reach this one"},
    [SETTING_THREADS] = {"threads", SETTING_INTEGER, 0, "0", 0, 256, .group = "Serving", .metavar = "N",
                         .help = "request threads; 0: one per core"},
    [SETTING_TLS_CERT] = {"tls-cert", SETTING_TEXT, 0, .group = "Serving", .metavar = "FILE",
                          .help = "serve https alone, with this certificate and its chain (PEM); read again "
                                  "at SIGHUP"},
    [SETTING_TLS_KEY] = {"tls-key", SETTING_TEXT, 0, .group = "Serving", .metavar = "FILE",
                         .help = "the certificate's private key (PEM)"},
    [SETTING_TRUSTED_PROXIES] = {"trusted-proxies", SETTING_TEXT, 0, .group = "Serving",
                                 .metavar = "ADDRESSES",
                                 .help =
                                     "reverse proxies whose word is taken for a client's address and "
                                     "scheme: addresses and ranges such as 10.0.0.0/8, separated by commas"},
    [SETTING_PROXY_HEADERS] = {"proxy-headers", SETTING_CHOICE, 0, "x-forwarded",
                               .choices = "x-forwarded|forwarded", .group = "Serving",
                               .help = "which headers they write: X-Forwarded-For and -Proto, or Forwarded "
                                       "(RFC 7239)"},
    [SETTING_CONNECTIONS_MAX] = {"connections-max", SETTING_INTEGER, 0, "8192", 16, 1000000,
                                 .group = "Limits", .metavar = "N",
                                 .help = "HTTP connections at once, and streams and agents likewise"},
    [SETTING_CONNECTIONS_PER_ADDRESS] = {"connections-per-address", SETTING_INTEGER, 0, "1024", 1, 1000000,
                                         .group = "Limits", .metavar = "N",
                                         .help = "HTTP connections of one address at once, trusted proxies "
                                                 "excepted"},
    [SETTING_HEADER_TIMEOUT] = {"header-timeout", SETTING_DURATION, 0, "20s", 1, 600, .group = "Limits",
                                .help = "time for a request's head, with the TLS handshake before it"},
    [SETTING_BODY_TIMEOUT] = {"body-timeout", SETTING_DURATION, 0, "1m", 1, 3600, .group = "Limits",
                              .help = "time for a request's body"},
    [SETTING_KEEPALIVE_TIMEOUT] = {"keepalive-timeout", SETTING_DURATION, 0, "1m", 1, 3600, .group = "Limits",
                                   .help = "time between two requests of a connection"},
    [SETTING_SHUTDOWN_DELAY] = {"shutdown-delay", SETTING_DURATION, 0, "0", 0, 300, .group = "Limits",
                                .help = "at SIGTERM, serve on this long while /readyz says 503, so that load "
                                        "balancers look elsewhere first"},
    [SETTING_DRAIN_TIMEOUT] = {"drain-timeout", SETTING_DURATION, 0, "5s", 1, 300, .group = "Limits",
                               .help = "at the end, time for requests under way"},
    [SETTING_DATA_DIR] = {"data-dir", SETTING_TEXT, 0, .group = "Data", .metavar = "DIRECTORY",
                          .help = "where data is kept ($XDG_STATE_HOME/streamspace; /var/lib/streamspace "
                                  "for root)"},
    [SETTING_DATABASE] = {"database", SETTING_TEXT, 0, .group = "Data", .metavar = "URL",
                          .help = "sqlite:///path (default: streamspace.db in the data directory), or "
                                  "postgres://user@host/name"},
    [SETTING_DATABASE_CONNECTIONS] = {"database-connections", SETTING_INTEGER, 0, "16", 2, 500,
                                      .group = "Data", .metavar = "N",
                                      .help = "connections to the database at most (PostgreSQL: and one more "
                                              "that listens)"},
    [SETTING_DATABASE_TIMEOUT] = {"database-timeout", SETTING_DURATION, 0, "5s", 1, 300, .group = "Data",
                                  .help = "a statement that takes or waits longer is given up"},
    [SETTING_DATABASE_WAIT] = {"database-wait", SETTING_DURATION, 0, "30s", 0, 3600, .group = "Data",
                               .help = "how long a start waits for a PostgreSQL that does not run yet"},
    [SETTING_READY_AGENT] = {"ready-agent", SETTING_TEXT, SETTING_NOT_UNDER_UP, .group = "Serving",
                             .metavar = "AGENT", .help = "/readyz waits for this agent to be online"},
    [SETTING_FIRST_ADMIN] =
        {"first-admin", SETTING_CHOICE, SETTING_NOT_UNDER_UP, "setup", .choices = "setup|generate",
         .group = "Serving",
         .help = "where there is no administrator and no ADMIN_PASSWORD: log a one-time token for "
                 "/setup, or make up a password and print it"},
    [SETTING_SECRET_KEY] = {"secret-key", SETTING_TEXT, SETTING_SECRET, .group = "Secrets",
                            .variable = "SECRET_KEY",
                            .help =
                                "at least 32 bytes, the same on all servers: secrets of one-time codes are "
                                "stored encrypted with it"},
    [SETTING_ADMIN_PASSWORD] =
        {"admin-password", SETTING_TEXT, SETTING_SECRET, .group = "Secrets", .variable = "ADMIN_PASSWORD",
         .help =
             "the first administrator's password, at least 12 characters; it never changes an existing one"},
    [SETTING_JWT_SECRET] = {"jwt-secret", SETTING_TEXT, SETTING_SECRET, .group = "Secrets",
                            .variable = "JWT_SECRET",
                            .help = "the first signing key (else random, in the database)"},
    [SETTING_AGENT_BOOTSTRAP_KEY] = {"agent-bootstrap-key", SETTING_TEXT, SETTING_SECRET, .group = "Secrets",
                                     .variable = "AGENT_BOOTSTRAP_KEY",
                                     .help = "a standing key that enrols unknown agents (under `up`: else "
                                             "made up and kept)"},
    [SETTING_CA_FILE] = {"ca-file", SETTING_TEXT, 0, .group = "Single sign-on", .metavar = "FILE",
                         .help = "trust the certificates in this PEM file when asking the identity provider "
                                 "(else the system's)"},
    [SETTING_OIDC_ISSUER] = {"oidc-issuer", SETTING_TEXT, SETTING_STORED, .valid = is_issuer,
                             .expect = "an https URL such as https://id.example.org/realms/main",
                             .group = "Single sign-on", .metavar = "URL",
                             .help = "let people sign in at this identity provider (OpenID Connect); its "
                                     "/.well-known/openid-configuration is read from there"},
    [SETTING_OIDC_NAME] = {"oidc-name", SETTING_TEXT, SETTING_STORED, "single sign-on",
                           .group = "Single sign-on", .metavar = "NAME",
                           .help = "what the sign-in page calls it"},
    [SETTING_OIDC_CLIENT_ID] = {"oidc-client-id", SETTING_TEXT, SETTING_STORED, "streamspace",
                                .group = "Single sign-on", .metavar = "ID",
                                .help = "by what name the provider knows this server"},
    [SETTING_OIDC_CLIENT_SECRET] = {"oidc-client-secret", SETTING_TEXT, SETTING_SECRET, .group = "Secrets",
                                    .help = "the password of that name at the provider (none: a public "
                                            "client)"},
    [SETTING_OIDC_SCOPES] = {"oidc-scopes", SETTING_TEXT, SETTING_STORED, "openid profile email",
                             .group = "Single sign-on", .metavar = "SCOPES",
                             .help = "what is asked for; must have openid"},
    [SETTING_OIDC_USERNAME_CLAIM] = {"oidc-username-claim", SETTING_TEXT, SETTING_STORED,
                                     "preferred_username", .group = "Single sign-on", .metavar = "CLAIM",
                                     .help = "the claim that usernames are made from"},
    [SETTING_OIDC_GROUPS_CLAIM] = {"oidc-groups-claim", SETTING_TEXT, SETTING_STORED, "groups",
                                   .group = "Single sign-on", .metavar = "CLAIM",
                                   .help = "the claim that lists groups; a.b for a member of a member"},
    [SETTING_OIDC_ADMIN_GROUP] = {"oidc-admin-group", SETTING_TEXT, SETTING_STORED, .group = "Single sign-on",
                                  .metavar = "GROUP",
                                  .help = "members of this group of the provider's are administrators"},
    [SETTING_OIDC_OPERATOR_GROUP] = {"oidc-operator-group", SETTING_TEXT, SETTING_STORED,
                                     .group = "Single sign-on", .metavar = "GROUP",
                                     .help = "members of this group of the provider's are operators"},
    [SETTING_OIDC_CREATE_USERS] = {"oidc-create-users", SETTING_BOOLEAN, SETTING_STORED, "true",
                                   .group = "Single sign-on",
                                   .help = "make accounts for people who sign in for the first time"},
    [SETTING_OIDC_LINK_BY_NAME] = {"oidc-link-by-name", SETTING_BOOLEAN, SETTING_STORED, "false",
                                   .group = "Single sign-on",
                                   .help = "give people the account that bears their name already; only for "
                                           "providers whose users cannot choose their names"},
    [SETTING_LOG_LEVEL] = {"log-level", SETTING_CHOICE, SETTING_STORED, "info",
                           .choices = "debug|info|warn|error", .group = "Logs", .help = "what to log"},
    [SETTING_LOG_FORMAT] = {"log-format", SETTING_CHOICE, 0, "text", .choices = "text|json", .group = "Logs",
                            .help = "how to log"},
    [SETTING_START_EXPIRES] = {"session-start-expires", STORED_DURATION, "5m", 1, 86400, .group = "Sessions",
                               .help = "an undelivered start fails after this"},
    [SETTING_START_DEADLINE] = {"session-start-deadline", STORED_DURATION, "1m", 1, 3600, .group = "Sessions",
                                .help = "time that an agent has for a start, from its first delivery"},
    [SETTING_STOP_DEADLINE] = {"session-stop-deadline", STORED_DURATION, "1m", 1, 3600, .group = "Sessions",
                               .help = "time that an agent has for a stop"},
    [SETTING_ACK_DEADLINE] = {"command-ack-deadline", STORED_DURATION, "10s", 1, 300, .group = "Sessions",
                              .help = "time that an agent has to acknowledge a command"},
    [SETTING_RETRY_MAX] = {"command-retry-max", STORED_DURATION, "1m", 1, 3600, .group = "Sessions",
                           .help = "the longest pause between attempts of a command"},
    [SETTING_START_ATTEMPTS] = {"session-start-attempts", STORED_INTEGER, "3", 1, 100, .group = "Sessions",
                                .metavar = "N", .help = "how often a start is tried"},
    [SETTING_ORPHAN_GRACE] = {"agent-orphan-grace", STORED_DURATION, "30s", 0, 86400, .group = "Sessions",
                              .help = "time between the first sight of an unwanted session and its end"},
    [SETTING_LOGIN_ATTEMPTS] = {"login-attempts", STORED_INTEGER, "10", 3, 1000, .group = "Signing in",
                                .metavar = "N",
                                .help = "failed attempts of an account from one address before it has to "
                                        "wait; five times as many of an address, or of an account from "
                                        "everywhere"},
    [SETTING_LOGIN_PAUSE] = {"login-pause", STORED_DURATION, "6s", 1, 3600, .group = "Signing in",
                             .help = "after which one more attempt is allowed"},
    [SETTING_SHARE_LINKS] = {"share-links", SETTING_CHOICE, SETTING_STORED, "anyone",
                             .choices = "anyone|users|off", .group = "Sessions",
                             .help = "who may use links to shared sessions: anyone who has one, signed-in "
                                     "users, nobody"},
    [SETTING_HISTORY_DAYS] = {"history-days", STORED_INTEGER, "30", 1, 3650, .group = "Retention",
                              .metavar = "DAYS", .help = "ended sessions and commands can be read this long"},
    [SETTING_KEY_ROTATION_DAYS] =
        {"key-rotation-days", STORED_INTEGER, "30", 0, 3650, .group = "Retention", .metavar = "DAYS",
         .help = "a new key signs access tokens after so many days; 0: only when told to"},
    [SETTING_AUDIT_DAYS] = {"audit-days", STORED_INTEGER, "365", 1, 36500, .group = "Retention",
                            .metavar = "DAYS", .help = "entries of the audit log are kept this long"},
    [SETTING_AUDIT_REFUSED_RATE] = {"audit-refused-rate", STORED_INTEGER, "600", 1, 100000,
                                    .group = "Retention", .metavar = "N",
                                    .help = "entries a minute that refused attempts may write; what is more "
                                            "is counted in one entry"},
};
