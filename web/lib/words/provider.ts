import type { Language } from '../language.ts'

/**
 * The texts of a sign-in by an identity provider, which only those who sign in load. `name` is the provider's.
 */
export interface ProviderWords {
  signIn(name: string): string
  finishing: string
  orToken: string
  /** It was finished before, or never begun in this tab. */
  stale: string
  denied: string
  away(name: string): string
  failed: string
  notAdmin(userId: string): string
  other: string
}

const english: ProviderWords = {
  signIn: (name) => `Sign in with ${name}`,
  finishing: 'Signing you in',
  orToken: 'or with a token',
  stale: 'This sign-in took too long, or was finished before. Sign in again.',
  denied: 'The sign-in was cancelled or refused there. Nothing has changed here.',
  away: (name) => `${name} does not answer. Try again in a moment.`,
  failed: 'The sign-in did not succeed. Sign in again, or ask who manages your account.',
  notAdmin: (userId) => `You are signed in as ${userId}, who is not an admin.`,
  other: 'Sign in as someone else',
}

const german: ProviderWords = {
  signIn: (name) => `Anmelden mit ${name}`,
  finishing: 'Sie werden angemeldet',
  orToken: 'oder mit einem Token',
  stale:
    'Diese Anmeldung hat zu lange gedauert oder war schon abgeschlossen. Melden Sie sich erneut an.',
  denied: 'Die Anmeldung wurde dort abgebrochen oder abgelehnt. Hier hat sich nichts geändert.',
  away: (name) => `${name} antwortet nicht. Versuchen Sie es gleich noch einmal.`,
  failed:
    'Die Anmeldung ist nicht gelungen. Melden Sie sich erneut an, oder fragen Sie die Stelle, die Ihr Konto verwaltet.',
  notAdmin: (userId) => `Sie sind als ${userId} angemeldet. Das ist kein Admin.`,
  other: 'Als jemand anderes anmelden',
}

const vietnamese: ProviderWords = {
  signIn: (name) => `Đăng nhập bằng ${name}`,
  finishing: 'Đang đăng nhập cho bạn',
  orToken: 'hoặc bằng token',
  stale: 'Lần đăng nhập này quá lâu hoặc đã hoàn tất trước đó. Hãy đăng nhập lại.',
  denied: 'Việc đăng nhập đã bị hủy hoặc bị từ chối ở đó. Ở đây không có gì thay đổi.',
  away: (name) => `${name} không trả lời. Hãy thử lại sau giây lát.`,
  failed: 'Đăng nhập không thành công. Hãy đăng nhập lại hoặc hỏi người quản lý tài khoản của bạn.',
  notAdmin: (userId) => `Bạn đang đăng nhập là ${userId}, người này không phải là quản trị viên.`,
  other: 'Đăng nhập bằng tài khoản khác',
}

export const PROVIDER_WORDS: Readonly<Record<Language, ProviderWords>> = {
  en: english,
  de: german,
  vi: vietnamese,
}
