import { setFlagsFromString } from 'node:v8'

/**
 * While this flag differs from its default, Node 20 refuses the code cache of its own modules and compiles
 * each anew, for half as long again as an empty process takes. The heap has its size by now, and keeps it.
 * To be imported before anything that loads further modules of Node.
 */
setFlagsFromString('--max-semi-space-size=0')
