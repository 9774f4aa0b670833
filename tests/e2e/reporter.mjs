// One line a case, with its time, and a plain last line. What a file says is shown where it fails.

import { relative } from 'node:path';

export default async function* report(events) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  let [file, said] = [undefined, ''];
  for await (const { type, data } of events) {
    if (type === 'test:stderr' || type === 'test:stdout') said += data.message;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // A file is reported as a test, too; it counts only where it fails by itself.
    const isFile = data.name.endsWith('.mjs');
    if (isFile && type === 'test:pass') continue;
    if (data.file && data.file !== file) yield `\n${relative('', (file = data.file))}\n`;
    const outcome = data.skip !== undefined ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    count[outcome] += 1;
    const sign = { passed: '✓', failed: '✗', skipped: '-' }[outcome];
    yield `  ${sign} ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    const error = data.details.error?.cause ?? data.details.error;
    if (outcome === 'failed' && said) yield `${said.trim().replace(/^/gm, '      | ')}\n`;
    if (outcome === 'failed') yield `${String(error?.stack ?? error).replace(/^/gm, '      ')}\n`;
  }
  yield `\n${count.passed} passed, ${count.failed} failed${count.skipped ? `, ${count.skipped} skipped` : ''}\n`;
}
