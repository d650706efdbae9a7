import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

interface Context {
  [option: string]: unknown
}

interface MetroResolver {
  resolve(context: Context, name: string, platform: string): { type: string; filePath: string }
}

/** The names that React Native's Metro gives to the form of a module that it looks for. */
export interface MetroSettings {
  packageExports: boolean
  /** Whether the program has an `import`, rather than a `require()`. */
  isEsmImport: boolean
}

/** Resolves as Metro does, with the settings of React Native. Returns the file below `folder`. */
export function resolveWithMetro(folder: string, name: string, settings: MetroSettings): string {
  const require = createRequire(join(folder, 'package.json'))
  const { resolve } = require('metro-resolver') as MetroResolver
  const packageOf = (file: string) => {
    for (let at = file; at !== dirname(at); at = dirname(at)) {
      try {
        const packageJson = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'))
        return { rootPath: at, packageJson, packageRelativePath: relative(at, file) }
      } catch {}
    }
    return null
  }
  const context: Context = {
    allowHaste: false,
    assetExts: new Set(['png']),
    customResolverOptions: {},
    dev: true,
    disableHierarchicalLookup: false,
    doesFileExist: (file: string) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false,
    extraNodeModules: null,
    fileSystemLookup(file: string) {
      const found = statSync(file, { throwIfNoEntry: false })
      return found
        ? { exists: true, realPath: file, type: found.isDirectory() ? 'd' : 'f' }
        : { exists: false }
    },
    getPackage: (file: string) => JSON.parse(readFileSync(file, 'utf8')),
    getPackageForModule: packageOf,
    isESMImport: settings.isEsmImport,
    mainFields: ['react-native', 'browser', 'main'],
    nodeModulesPaths: [],
    originModulePath: join(folder, 'App.js'),
    preferNativePlatform: true,
    resolveAsset: () => null,
    resolveHasteModule: () => null,
    resolveHastePackage: () => null,
    sourceExts: ['js', 'jsx', 'json', 'ts', 'tsx'],
    unstable_conditionNames: ['react-native'],
    unstable_conditionsByPlatform: {},
    unstable_enablePackageExports: settings.packageExports,
    unstable_incrementalResolution: false,
    unstable_logWarning(warning: string) {
      throw new Error(warning)
    },
  }
  const { type, filePath } = resolve(context, name, 'ios')
  if (type !== 'sourceFile') throw new Error(`${name} resolved to ${type}`)
  return relative(folder, filePath)
}
