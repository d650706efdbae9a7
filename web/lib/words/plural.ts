type Forms = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>

/** Chooses the form that a number takes in this language. */
export function pluralsOf(language: string): (count: number, forms: Forms) => string {
  let rules: Intl.PluralRules | undefined
  return (count, forms) => {
    rules ??= new Intl.PluralRules(language)
    return forms[rules.select(count)] ?? forms.other
  }
}
