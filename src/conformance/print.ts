import type { Outcome, Scorecard, Verdict } from './contract.ts'

/** The scorecard as a table for people. A check with a star is mandatory. */
export function table(scorecard: Scorecard): string {
  const rows = scorecard.outcomes.map((outcome) => [
    outcome.operation,
    `${outcome.feature}${outcome.mandatory ? ' *' : ''}`,
    outcome.verdict,
    outcome.note.replaceAll(/\s+/g, ' '),
  ])
  const head = ['operation', 'feature', 'result', 'why']
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => cell.padEnd(column === 3 ? 0 : (widths[column] ?? 0))).join('  ')}`.trimEnd()
  const { subject, kind, model } = scorecard
  return [
    `${subject} (${kind}), asked for the model ${model}`,
    '',
    line(head),
    ...rows.map(line),
    '',
    `${summary(scorecard)} (* is mandatory)`,
    '',
  ].join('\n')
}

/** How many checks ended how, and what that means, in one line. */
function summary({ outcomes, conforms }: Scorecard): string {
  const count = (verdict: Verdict): number => outcomes.filter((outcome) => outcome.verdict === verdict).length
  const counts = `${count('pass')} passed, ${count('fail')} failed, ${count('not supported')} not supported`
  return `${counts}: ${conforms ? 'it conforms' : 'it does not conform'}`
}

/** The scorecard as JSON for programs: `{subject, kind, model, conforms, checks: [{operation, feature, mandatory, result, why}]}`. */
export function json({ subject, kind, model, conforms, outcomes }: Scorecard): string {
  const checks = outcomes.map(({ operation, feature, mandatory, verdict, note }: Outcome) => ({
    operation,
    feature,
    mandatory,
    result: verdict.replace(' ', '_'),
    why: note,
  }))
  return `${JSON.stringify({ subject, kind, model, conforms, checks }, undefined, 2)}\n`
}
