// An identity provider (oidc-provider) for tests: prints its issuer, serves until its stdin closes.
// usage: provider.mjs ALGORITHM REDIRECT_URI      ALGORITHM signs the ID tokens: RS256 or ES256
//
// Its sign-in form takes any name: people are made up from it. "alice+staff+admins" is alice in two groups.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [algorithm, redirectUri] = process.argv.slice(2);

function key(kid) {
  const { privateKey } = algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' };
}

function account(id) {
  const [name, ...groups] = id.split('+');
  return {
    accountId: id,
    claims: () => ({
      sub: `subject-${name}`, preferred_username: name, name: `${name} of the tests`,
      email: `${name.replace(/[^a-z]/g, '')}@example.org`, email_verified: true, groups,
    }),
  };
}

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'streamspace', client_secret: 'a secret with spaces & signs: %', redirect_uris: [redirectUri],
    grant_types: ['authorization_code'], response_types: ['code'], id_token_signed_response_alg: algorithm,
  }],
  jwks: { keys: [key('first')] },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  cookies: { keys: ['for tests alone'] },
  findAccount: (_, id) => account(id),
});
server.on('request', provider.callback());
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
console.log(issuer);
