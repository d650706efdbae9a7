/** The user of all connections in the room. The other users have a number as name and one connection each. */
export const ROOM = 'room'
