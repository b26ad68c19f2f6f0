import Testing

@testable import RuleFiles

@Suite("Samples")
struct RuleSampleTests {
    @Test func `markers are taken out`() {
        let sample = RuleSample(stored: "é key=<span>gh<cut>p_abc</span>; <span>x</span>")
        #expect(sample?.text == "é key=ghp_abc; x")
        #expect(sample?.secrets == [7..<14, 16..<17])
        #expect(RuleSample(stored: "a<b <cut><secre")?.text == "a<b <secre")
        #expect(RuleSample(stored: "")?.secrets == [])
    }

    @Test(arguments: [
        "<span>", "</span>", "<span></span>", "<span><cut></span>", "<span>a<span>b</span></span>",
        "a</span>b<span>c",
    ])
    func `unpaired markers are refused`(stored: String) {
        #expect(RuleSample(stored: stored) == nil)
    }
}
