/** The user of all connections of the room; the others are named by a number and have one connection each. */
export const ROOM = 'room'
