/** What a command needs of the process it runs in. */
export type Surroundings = Pick<NodeJS.Process, 'env' | 'stdout' | 'stderr'>
