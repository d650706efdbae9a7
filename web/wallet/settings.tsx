import { useState } from 'preact/hooks'
import { SelectField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useId } from '../hooks/use-id.ts'
import { chooseLanguage, chosenLanguage, LANGUAGES, type Language, words } from '../lib/language.ts'
import { chooseTheme, chosenTheme, THEMES, type Theme } from '../lib/theme.ts'

/** What the reader can choose for this browser. */
export function Settings() {
  const { settings: text } = words()
  const id = useId()
  return (
    <section class="card form" aria-labelledby={id}>
      <h2 id={id}>{text.look}</h2>
      <LanguageField />
      <ThemeField />
      <p class="small soft">{text.saved}</p>
    </section>
  )
}

function LanguageField() {
  const { settings: text } = words()
  const [chosen, setChosen] = useState(chosenLanguage)
  const choose = useAction(async (choice: Language | undefined) => {
    await chooseLanguage(choice)
    setChosen(choice)
  })
  return (
    <>
      <SelectField
        label={text.language}
        value={chosen ?? ''}
        options={[['', text.browserLanguage], ...Object.entries(LANGUAGES)]}
        onChange={(value) => void choose.run((value || undefined) as Language | undefined)}
      />
      {choose.problem !== undefined && <Failure problem={choose.problem} />}
    </>
  )
}

function ThemeField() {
  const { settings: text } = words()
  const [theme, setTheme] = useState<Theme>(chosenTheme)
  const name = useId()
  return (
    <fieldset class="theme">
      <legend>{text.theme}</legend>
      <div class="segments">
        {THEMES.map((choice) => (
          <button
            key={choice}
            id={`${name}-${choice}`}
            type="button"
            aria-pressed={choice === theme}
            onClick={() => {
              chooseTheme(choice)
              setTheme(choice)
            }}
          >
            {text[choice]}
          </button>
        ))}
      </div>
    </fieldset>
  )
}
