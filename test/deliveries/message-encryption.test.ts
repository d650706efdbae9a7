import { expect, test } from 'vitest'
import { encryptMessage } from '../../src/deliveries/message-encryption.ts'
import { newSubscription } from '../support/deliveries/push-service.ts'

test('a message is encrypted as the example of RFC 8291 is', () => {
  const keys = {
    p256dh:
      'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  }
  const ephemeral = {
    salt: Buffer.from('DGv6ra1nlYgDCS1FRnbzlw', 'base64url'),
    privateKey: Buffer.from('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'base64url'),
  }
  const text = 'When I grow up, I want to be a watermelon'
  expect(encryptMessage(text, keys, ephemeral, 1).toString('base64url')).toBe(
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  )
})

test('only its browser can open a message, and its length says next to nothing', () => {
  const [phone, other] = [newSubscription('https://a.b/1'), newSubscription('https://a.b/2')]
  const lengths = ['', '+$1.00', 'x'.repeat(126)].map((text) => {
    const body = encryptMessage(text, phone.json.keys)
    expect(phone.open(body)).toBe(text)
    expect(() => other.open(body)).toThrow()
    return body.length
  })
  expect(new Set(lengths).size).toBe(1)
  expect(phone.open(encryptMessage('ü'.repeat(1900), phone.json.keys))).toHaveLength(1900)
  expect(() => encryptMessage('x'.repeat(4090), phone.json.keys)).toThrow(RangeError)
})
