import { ApiError, errorText } from '@/api/http';

/** Why one could not sign in, for people. */
export function loginErrorText(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === 'mfa_required') return error.message;
    if (error.status === 401) return 'The user name or the password is wrong.';
    if (error.status === 429) return tooMany(error);
  }
  return errorText(error);
}

/** The same for the second step. */
export function otpErrorText(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === 'mfa_invalid') return 'This code is not valid. Codes change every 30 seconds; take the present one.';
    if (error.status === 401) return 'Your password is not valid any more. Sign in from the beginning.';
    if (error.status === 429) return tooMany(error);
  }
  return errorText(error);
}

function tooMany(error: ApiError): string {
  return error.retryAfter ? `Too many attempts. Try again in ${error.retryAfter} seconds.` : 'Too many attempts. Wait a moment and try again.';
}

/** By the codes that GET /auth/oidc/callback redirects with (api/openapi.yaml). */
const RETURNED: Record<string, string> = {
  oidc_denied: 'The sign-in was cancelled there.',
  oidc_expired: 'The sign-in took too long or was begun in another window. Please try again.',
  oidc_unavailable: 'The identity provider cannot be reached just now. Try again in a moment.',
  oidc_refused: 'The identity provider’s answer could not be accepted. Please try again; if it stays, tell your administrator.',
  user_disabled: 'This account is deactivated. Your administrator can tell you why.',
  user_unknown: 'There is no account for you here. Your administrator can make one.',
  user_exists: 'No user name could be made for you: those like yours are taken. Ask your administrator.',
};

/** Why the way back from the identity provider failed (`?error=` of the page's address). */
export function returnErrorText(code: string): string {
  return RETURNED[code] ?? `The sign-in did not succeed (${/^[\w.-]{1,60}$/.test(code) ? code : 'unknown reason'}). Please try again.`;
}
