import { ApiError, errorText } from '@/api/http';

/** Why one could not sign in, for people. */
export function loginErrorText(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === 'mfa_required') return error.message;
    if (error.status === 401) return 'The user name or the password is wrong.';
    if (error.status === 429) {
      return error.retryAfter
        ? `Too many attempts. Try again in ${error.retryAfter} seconds.`
        : 'Too many attempts. Wait a moment and try again.';
    }
  }
  return errorText(error);
}
