import RedactionFuzz
import Testing

@testable import RedactionKit

/// The engine and its slow twin agree.
@Suite("Reference engine")
struct ReferenceTests {
    @Test(arguments: Repository.rules)
    func `agrees on samples`(rule: RuleCase) {
        let reference = ReferenceScanner(Shared.everything)
        for bytes in rule.texts { expectAgreement(on: bytes, Shared.everything.redact, reference.redact, "fast") }
    }

    @Test(.tags(.corpus), arguments: Repository.logs)
    func `agrees on logs`(log: LogCase) {
        expectAgreement(on: log.input, Shared.standard.redact, ReferenceScanner(Shared.standard).redact, "fast")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `agrees on random texts`(seed: UInt64) {
        check(seeds: (seed * 10)..<(seed * 10 + 10))
    }

    @Test(.tags(.slow), .enabled(if: runsSlowTests), arguments: 100..<200 as Range<UInt64>)
    func `agrees on many random texts`(seed: UInt64) {
        check(seeds: (seed * 100)..<(seed * 100 + 100))
    }

    private func check(seeds: Range<UInt64>) {
        for seed in seeds { for failure in RedactionFuzz.check(seed: seed) { Issue.record("\(failure)") } }
    }

    /// What random texts found, each made as small as it goes: every split, again, and the reference.
    @Test(arguments: [
        "x sk_<cut>live_zq3eW1C1mAqq.. ", "prf_JqLow<cut>rpszm_axm9Y_R28.. ", "aact_pr<cut>odsprFJOe5Jp9lYKYK1Z-z..\0",
        "\\bkaa_PH<cut>4HQv6xW1hFAUGbkmtm-XjUBw2mPSl076VCRN7NTNStdv341\\u0037",
        "v2.local._gitlab_sess<cut>ion=e6f9030b8c10f5e9b7463d4c74201cf7",
        "flp_g4KTBUrx<cut>4GesDvZsFH03niDSkrVh51aCjcKOzLj\u{1b}shltm_CDT65v82<cut>0dDv4xA_Ccy6Dj8DA4G5o5ix638BJ6aF",
        "6c7376325f736b5f316630633339663<cut>66537656432356165383336226130sdk-b97dc9b9-<cut>1384-4b97-aeb7-d028f7b70140",
        "Private-<cut>Lines: 1\nAAAAIKz3x7Yt1<cut>QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0V\n", "1://:<cut>]@x",
        "curl -u sk-or-<cut>v49f1d06ce97e9b51b1ec2b",
        "s://ct-d945d0<cut>4727d7d4e02abc@h", "[REDACTED sk_<cut>prod_dW3T6GMHgB.apikey=145are\\1",
        "$krb5asrep$n<cut>@P.ST:82f67a454fd3215<cut>1037fa97b47ec29bd",
        // A number before an escape: is `8%` a percentage?
        "&8%20A3-6L4F41-<cut>H3944585854-I1J4F-H5049-849P%37",
        // A number right behind a secret, or hexadecimal right behind one, is seen only when the secret is gone.
        "hvs.STauNR0O<cut>RNVUlwka+4601",
        "\u{1b}[mcs_37db59e47e<cut>2c8e0d50490ca3cb19d3af58983f2474766c792d6f796d42674d4f57<cut>6e5736645647696d78344e694331586f636165755866396f",
    ])
    func `agrees on what was found`(text: String) { check(Array(text.joined.utf8)) }

    private func check(_ bytes: [UInt8]) {
        let redactor = Shared.everything
        let whole = redactor.redact(bytes)
        #expect(ReferenceScanner(redactor).redact(bytes) == whole, "reference: \(show(whole))")
        #expect(redactor.redact(whole) == whole, "again: \(show(whole)) → \(show(redactor.redact(whole)))")
        #expect(redactor.redactByteByByte(bytes) == whole, "byte by byte")
        let cut = bytes.indices.first { redactor.redact(bytes, cutAt: [$0]) != whole }
        #expect(cut == nil, "cut at \(cut ?? 0)")
    }
}
