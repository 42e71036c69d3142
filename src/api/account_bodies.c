/* The fields of request bodies that accounts and API keys are made and changed with. */
#include "api/resources.h"
#include "base/id.h"
#include "control/users/api_key.h"
#include "control/users/mfa.h"

static const char *const roles[] = {"user", "operator", "admin", NULL};

const struct json_field user_rows[5] = {
    {.name = "username",
     JSON_STRING_AT(struct user_body, username),
     .flags = JSON_REQUIRED,
     .max = USERNAME_MAX,
     .valid = id_is_username,
     .expect = "1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit"},
    {.name = "password",
     JSON_STRING_AT(struct user_body, password),
     .flags = JSON_REQUIRED,
     .max = USER_PASSWORD_MAX},
    {.name = "email", JSON_STRING_AT(struct user_body, email), .max = USER_EMAIL_MAX},
    {.name = "fullName", JSON_STRING_AT(struct user_body, full_name), .max = USER_FULL_NAME_MAX},
    {.name = "role", JSON_STRING_AT(struct user_body, role), .values = roles},
};

const struct json_field user_patch_rows[5] = {
    {.name = "email",
     JSON_STRING_AT(struct user_patch_body, email),
     .flags = JSON_NULLABLE,
     .present = JSON_PRESENT(struct user_patch_body, has_email),
     .max = USER_EMAIL_MAX},
    {.name = "fullName",
     JSON_STRING_AT(struct user_patch_body, full_name),
     .flags = JSON_NULLABLE,
     .present = JSON_PRESENT(struct user_patch_body, has_full_name),
     .max = USER_FULL_NAME_MAX},
    {.name = "role", JSON_STRING_AT(struct user_patch_body, role), .values = roles},
    {.name = "active",
     JSON_BOOL_AT(struct user_patch_body, active),
     .present = JSON_PRESENT(struct user_patch_body, has_active)},
    {.name = "password", JSON_STRING_AT(struct user_patch_body, password), .max = USER_PASSWORD_MAX},
};

const struct json_field api_key_rows[3] = {
    {.name = "name",
     JSON_STRING_AT(struct api_key_body, name),
     .flags = JSON_REQUIRED,
     .max = API_KEY_NAME_MAX},
    {.name = "scopes", JSON_STRINGS_AT(struct api_key_body, scopes), .max = SCOPES_MAX, .item_max = 32},
    {.name = "expiresAt", JSON_STRING_AT(struct api_key_body, expires_at), .max = 64},
};

const struct json_field setup_rows[5] = {
    {.name = "token", JSON_STRING_AT(struct setup_body, token), .flags = JSON_REQUIRED, .max = 256},
    {.name = "password",
     JSON_STRING_AT(struct setup_body, password),
     .flags = JSON_REQUIRED,
     .max = USER_PASSWORD_MAX},
    {.name = "username",
     JSON_STRING_AT(struct setup_body, username),
     .max = USERNAME_MAX,
     .valid = id_is_username,
     .expect = "1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit"},
    {.name = "email", JSON_STRING_AT(struct setup_body, email), .max = USER_EMAIL_MAX},
    {.name = "fullName", JSON_STRING_AT(struct setup_body, full_name), .max = USER_FULL_NAME_MAX},
};

const struct json_field mfa_begin_rows[1] = {
    {.name = "password",
     JSON_STRING_AT(struct mfa_begin_body, password),
     .flags = JSON_REQUIRED,
     .max = USER_PASSWORD_MAX},
};

const struct json_field otp_rows[1] = {
    {.name = "otp", JSON_STRING_AT(struct otp_body, otp), .flags = JSON_REQUIRED, .max = MFA_OTP_MAX},
};
