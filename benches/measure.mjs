// What a load costs: the CPU time and memory of processes, and the tools that send requests.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { run } from '../tests/e2e/helpers.mjs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** A process and all that it started, theirs included. */
export function family(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => {
    const list = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
    return list.split(' ').filter(Boolean);
  });
  return [pid, ...children.flatMap(family)];
}

/** CPU time of a process and all that it started, in microseconds: proc(5), utime and stime. */
export function cpu(pid) {
  const total = { user: 0, system: 0 };
  for (const member of family(pid)) {
    // The second field is a name in brackets, which may hold spaces.
    const fields = readFileSync(`/proc/${member}/stat`, 'utf8').split(') ').at(-1).split(' ');
    total.user += (Number(fields[11]) / ticksPerSecond) * 1e6;
    total.system += (Number(fields[12]) / ticksPerSecond) * 1e6;
  }
  return total;
}

/** Memory of a process and all that it started, in bytes; what they share is counted once (proc(5), Pss). */
export function memory(pid) {
  const kibibytes = (member) => readFileSync(`/proc/${member}/smaps_rollup`, 'utf8').match(/^Pss: +(\d+)/m)[1];
  return family(pid).reduce((sum, member) => sum + Number(kibibytes(member)) * 1024, 0);
}

/**
 * Runs `load` and says what a request cost the process: `{ us, userUs, systemUs, perSecond, p50Ms, p99Ms }`.
 * `load` returns `{ requests, seconds }` and what it knows of latency.
 */
export async function measure(pid, load) {
  const before = cpu(pid);
  const { requests, seconds, ...latency } = await load();
  const after = cpu(pid);
  const [userUs, systemUs] = ['user', 'system'].map((kind) => (after[kind] - before[kind]) / requests);
  return { us: userUs + systemUs, userUs, systemUs, perSecond: requests / seconds, ...latency };
}

/** HTTP/1.1 over kept connections: `wrk` with one thread. Every answer has to be 2xx. */
export async function wrk(url, headers, { seconds, connections = 64, script }) {
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...(script ? ['-s', script] : [])];
  const { stdout } = await tool('wrk', [...options, ...lines, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${url}: not every answer was 2xx\n${stdout}`);
  const [, requests, took] = stdout.match(/(\d+) requests in ([\d.]+)s/);
  const percentile = (name) => milliseconds(stdout.match(new RegExp(`^ +${name}% +(\\S+)`, 'm'))[1]);
  return { requests: Number(requests), seconds: Number(took), p50Ms: percentile(50), p99Ms: percentile(99) };
}

/** HTTP/2: `h2load` with one thread, 16 connections and 4 streams on each. Every answer has to be 2xx. */
export async function h2load(url, headers, { seconds }) {
  const { Host: authority, ...others } = headers;
  const lines = Object.entries(others).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  // The name of the host goes into SNI and `:authority`; the connection goes where `url` says.
  const { host, pathname } = new URL(url);
  const options = ['-t1', '-c16', '-m4', `-D${seconds}`, `--connect-to=${host}`];
  const { stdout } = await tool('h2load', [...options, ...lines, `https://${authority}${pathname}`]);
  const [, done] = stdout.match(/(\d+) succeeded/) ?? [];
  const [, good] = stdout.match(/status codes: (\d+) 2xx/) ?? [];
  if (!Number(done) || done !== good) throw new Error(`${url}: not every answer was 2xx\n${stdout}`);
  return { requests: Number(done), seconds };
}

async function tool(name, args) {
  const done = await run(name, args);
  if (done.code !== 0) throw new Error(`${name} ${args.join(' ')}: ${done.stderr}${done.stdout}`);
  return done;
}

function milliseconds(text) {
  const [, number, unit] = text.match(/^([\d.]+)(us|ms|s)$/);
  return Number(number) * { us: 0.001, ms: 1, s: 1000 }[unit];
}
