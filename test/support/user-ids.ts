/** User ids as identity providers make them, and as somebody makes them who wants to break a key, a line or a URL. */
export const USER_IDS = {
  Auth0: 'auth0|5f7c8ec7c33c6c004bbafe82',
  'Azure B2C': '=c3ViamVjdA==',
  SPIFFE: 'spiffe://shop.example.com/ns/prod/sa/booking?v=1#x',
  'an e-mail alias': 'ann+bob@example.com',
  'letters of Vietnamese, composed': 'Nguy\u1ec5n',
  'the same letters, decomposed': 'Nguye\u0302\u0303n',
  'an emoji of several code points': '\u{1f469}\u{1f3fd}\u200d\u{1f680}',
  Arabic: '\u0639\u0644\u064a',
  'marks that turn text': 'a\u202eeve\u202c\u2066b',
  'parts of a key of Redis': 'x:user:y{z}*?[a]%3A',
  'percent signs': '%2F%25%00%zz',
  'quotes and backslashes': `"'\\\`$&$1</script><b>`,
  'a traversal of folders': '../../%2e%2e/admin',
  'what looks like a log line': '[BalanceGateway]\\nBroadcasting',
  '255 characters of four bytes': '\u{10400}'.repeat(255),
  'one character': '|',
} as const

/** What no user and no tenant is called. */
export const NO_IDS = {
  nothing: '',
  'a blank': 'a b',
  'a tab': 'a\tb',
  'a line end': 'a\n',
  NUL: 'a\0b',
  'a control character of C1': 'a\u0085b',
  'a terminal escape': '\u001b[31m',
  'a separator of lines': 'a\u2028b',
  'an ideographic blank': 'a\u3000b',
  'a byte order mark': '\ufeffa',
  'half of a pair': 'a\ud83d',
  'a step in a path': '..',
  'another step in a path': '.',
  '256 characters': 'a'.repeat(256),
  '256 characters of four bytes': '\u{10400}'.repeat(256),
} as const
