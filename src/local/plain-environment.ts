/**
 * What our child processes see of the environment: nothing of ours. A PGDATA, a PGOPTIONS or an
 * LD_LIBRARY_PATH meant for another Postgres would break this one. Windows cannot do without its own.
 */
export const plainEnvironment: NodeJS.ProcessEnv | undefined =
  process.platform === 'win32' ? undefined : { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
