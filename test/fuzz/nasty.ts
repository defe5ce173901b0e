/** Names of members that mean something to a language, or nothing at all. */
export const nastyNames: readonly string[] = [
  ...'__proto__ constructor prototype toString hasOwnProperty then toJSON 0 length'.split(' '),
  '',
]

/** JSON texts that are legal and awkward, with a space between each two. */
export const nastyTexts: readonly string[] = String.raw`
null true false 0 -0 -1 1 1.5 1e21 -1e21 1e308 1e999 -1e999 1e-400
128 4294967295 4294967296 2147483648 -2147483649 9007199254740993 18446744073709551616
"" "a" "0" "1" "-1" "NaN" "null" "true" "[object\u0020Object]" "1970-01-01T00:00:00Z" "%00" "\u0020"
"\ud800" "a\ud83d" "\ude00b" "\udfff\ud800" "\u0000" "\u2028\r\n\r\n" "\ufeff" "😀" "\u200d"
"data:\u0020[DONE]\n\n" "\n\nevent:\u0020error\ndata:\u0020{}\n\n" "[DONE]" "__proto__" "constructor" "toString"
[] {} [[]] [{}] [null] [0] [""] ["a",null,{}] {"":""} {"0":0} {"length":3} {"type":null} {"type":"text"} {"type":["text"]}
{"__proto__":{"polluted":true}} {"constructor":{"prototype":{"polluted":true}}} {"a":1,"a":2} {"toJSON":1} {"then":"x"}
"AAA" "!!!!" "data:;base64,%" "data:image/png;base64,AAAA" "http://[::1" "file:///etc/passwd" "{\"a\":" "{}" "[1]"
`
  .trim()
  .split(/\s+/)
