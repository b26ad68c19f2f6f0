import Testing

@testable import RuleFiles

@Suite("Samples")
struct RuleSampleTests {
    @Test func `markers are taken out`() {
        let sample = RuleSample(stored: "é key=<secret>gh<cut>p_abc</secret>; <secret>x</secret>")
        #expect(sample?.text == "é key=ghp_abc; x")
        #expect(sample?.secrets == [7..<14, 16..<17])
        #expect(RuleSample(stored: "a<b <cut><secre")?.text == "a<b <secre")
        #expect(RuleSample(stored: "")?.secrets == [])
    }

    @Test(arguments: [
        "<secret>", "</secret>", "<secret></secret>", "<secret><cut></secret>", "<secret>a<secret>b</secret></secret>",
        "a</secret>b<secret>c",
    ])
    func `unpaired markers are refused`(stored: String) {
        #expect(RuleSample(stored: stored) == nil)
    }
}
