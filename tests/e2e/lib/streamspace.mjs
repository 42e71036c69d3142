// Starts the real program for tests and looks at what it leaves behind.
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const PROGRAM = process.env.STREAMSPACE_PROGRAM ?? path.join(ROOT, 'build/streamspace');
export const PASSWORD = 'correct horse battery';

/** Waits for condition() to give something true; never sleeps longer than 50 ms at a time. */
export async function waitFor(what, condition, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** `streamspace up` in a directory of its own on a free port. */
export class Up {
  static async start(args = [], env = {}) {
    const up = new Up();
    up.directory = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    up.output = '';
    up.process = spawn(PROGRAM, ['up', '--listen=127.0.0.1:0', `--data-dir=${up.directory}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ADMIN_PASSWORD: PASSWORD, ...env },
    });
    up.exited = new Promise((resolve) => up.process.on('exit', (code, signal) => resolve({ code, signal })));
    let ended = null;
    up.exited.then((how) => (ended = how));
    for (const stream of [up.process.stdout, up.process.stderr]) stream.on('data', (data) => (up.output += data));
    try {
      up.url = await waitFor('the URL is printed', () => {
        if (ended) throw new Error(`up ended with ${JSON.stringify(ended)}`);
        return /Open\s+(http:\S+)/.exec(up.output)?.[1];
      });
      await waitFor('/readyz is 200', async () => (await fetch(`${up.url}/readyz`)).status === 200);
    } catch (error) {
      up.process.kill('SIGKILL');
      throw new Error(`${error.message}\n${up.output}`);
    }
    up.agentId = readFileSync(path.join(up.directory, 'agent-id'), 'utf8').trim();
    return up;
  }

  /** An API call as admin with a bearer token. */
  async api(method, target, body) {
    if (!this.token) {
      const login = await fetch(`${this.url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: PASSWORD }),
      });
      this.token = (await login.json()).token;
    }
    const response = await fetch(`${this.url}/api/v1${target}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, ...(body && { 'Content-Type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }

  /** Ends everything and returns what should not be there any more. */
  async stop() {
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 30000);
    const how = await this.exited;
    clearTimeout(timer);
    // What has ended may still wait for the system to reap it.
    const gone = () => leftovers(this.agentId, this.directory).length === 0;
    await waitFor('nothing is left', gone, 10).catch(() => {});
    const left = leftovers(this.agentId, this.directory);
    if (!left.length) rmSync(this.directory, { recursive: true, force: true });
    return { ...how, left };
  }
}

function cgroupDirectories(word) {
  const found = [];
  const walk = (directory, depth) => {
    let entries = [];
    try {
      entries = readdirSync(directory, { withFileTypes: true });
    } catch {
      return;
    }
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const full = path.join(directory, entry.name);
      if (full.includes(word)) found.push(full);
      else if (depth < 6) walk(full, depth + 1);
    }
  };
  walk('/sys/fs/cgroup', 0);
  return found;
}

/** Processes, cgroups, mounts and network namespaces that bear the word (an agent id or a session's name). */
export function leftovers(word, directory) {
  const left = [];
  for (const pid of sessionProcesses(word)) left.push(`process ${pid} ${commandLine(pid)}`);
  for (const cgroup of cgroupDirectories(word)) left.push(`cgroup ${cgroup}`);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  for (const line of mounts) if (line.includes(word) || (directory && line.includes(directory))) left.push(`mount ${line}`);
  if (existsSync('/run/netns'))
    for (const name of readdirSync('/run/netns')) if (name.includes(word)) left.push(`network namespace ${name}`);
  return left;
}

function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Pids of all processes whose cgroup bears the word. */
export function sessionProcesses(word) {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cgroup`, 'utf8').includes(word);
    } catch {
      return false;
    }
  });
}

/** Reads a file as the session sees it (its home is a filesystem of its own), or null. */
export function readInSession(name, file) {
  for (const pid of sessionProcesses(name)) {
    try {
      return readFileSync(`/proc/${pid}/root${file}`, 'utf8');
    } catch {
      /* not in that process's view */
    }
  }
  return null;
}

/** A network namespace of the test's own with a web server in it, reachable from this machine only. */
export class Island {
  static start(html) {
    const island = new Island();
    const number = process.pid % 250;
    const name = `ss-isle-${process.pid}`;
    const device = `sv${process.pid}`;
    island.name = name;
    island.device = device;
    island.address = `10.213.${number}.2`;
    const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });
    ip('netns', 'add', name);
    ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'isle0', 'netns', name);
    ip('addr', 'add', `10.213.${number}.1/30`, 'dev', device);
    ip('link', 'set', device, 'up');
    ip('-n', name, 'addr', 'add', `${island.address}/30`, 'dev', 'isle0');
    ip('-n', name, 'link', 'set', 'isle0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    const program =
      'import http.server,os\n' +
      'class H(http.server.BaseHTTPRequestHandler):\n' +
      '    def do_GET(self):\n' +
      '        body=os.environ["HTML"].encode()\n' +
      '        self.send_response(200); self.send_header("Content-Type","text/html"); self.end_headers(); self.wfile.write(body)\n' +
      '    def log_message(self,*a): print(self.path,flush=True)\n' +
      'http.server.ThreadingHTTPServer(("0.0.0.0",8080),H).serve_forever()\n';
    island.process = spawn('ip', ['netns', 'exec', name, 'python3', '-c', program], {
      env: { ...process.env, HTML: html },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    island.requests = '';
    island.process.stdout.on('data', (data) => (island.requests += data));
    island.url = `http://${island.address}:8080/`;
    return island;
  }

  stop() {
    this.process.kill('SIGKILL');
    execFileSync('ip', ['netns', 'del', this.name]);
    try {
      execFileSync('ip', ['link', 'del', this.device], { stdio: 'pipe' });
    } catch {
      /* went with its namespace */
    }
  }
}

/** `streamspace server` alone in a directory of its own, without a first administrator. */
export class BareServer {
  static async start() {
    const server = new BareServer();
    server.directory = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    server.output = '';
    const { ADMIN_PASSWORD: _none, ...env } = process.env;
    server.process = spawn(PROGRAM, ['server', '--listen=127.0.0.1:0', `--data-dir=${server.directory}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    });
    server.exited = new Promise((resolve) => server.process.on('exit', resolve));
    for (const stream of [server.process.stdout, server.process.stderr]) stream.on('data', (data) => (server.output += data));
    server.setupUrl = await waitFor('the set-up address is logged', () => /(http:\S+\/setup\?token=[0-9a-f]+)/.exec(server.output)?.[1]);
    server.url = new URL(server.setupUrl).origin;
    await waitFor('it serves', async () => (await fetch(`${server.url}/health`)).ok);
    return server;
  }

  async stop() {
    this.process.kill('SIGTERM');
    await this.exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
