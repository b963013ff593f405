import { Simulation } from './simulation.ts'

const SEED_VARIABLE = 'FREEHOLD_SEED'

/** The seed that the environment asks for, or `fallback`: one command replays a failure. */
export function seedOr(fallback: number): number {
  const asked = Number(process.env[SEED_VARIABLE])
  return Number.isInteger(asked) && asked > 0 ? asked : fallback
}

/** Runs `body` on a new simulation. When it fails, the error also says how to run just that again, and what came last. */
export async function simulate(
  seed: number,
  title: string,
  body: (simulation: Simulation) => Promise<void>,
): Promise<Simulation> {
  const simulation = new Simulation(seed)
  try {
    await body(simulation)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const tail = simulation.trace.tail(20).join('\n  ')
    const replay = `replay: ${SEED_VARIABLE}=${seed} npm test -- --grep ${JSON.stringify(title)}`
    throw new Error(`${message}\n${replay}\nlast events:\n  ${tail}`, { cause: error })
  }
  return simulation
}
