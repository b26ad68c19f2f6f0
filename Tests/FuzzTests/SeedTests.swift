import FuzzTargets
import Glibc
import RedactionFuzz
import Testing

/// Every entry point on its seeds, and on changes of them (Fuzz/README.md).
@Suite struct SeedTests {
    @Test(arguments: FuzzTargets.all.map(\.name))
    func `seeds and changes of them break nothing`(_ name: String) throws {
        let target = try #require(FuzzTargets.named(name))
        for (index, seed) in seeds(name).enumerated() {
            target.run(seed.span)
            var random = SplitMix(seed: UInt64(index))
            for _ in 0..<target.changes {
                var input = seed
                for _ in 0...random.below(3) { change(&input, target, &random) }
                target.run(input.span)
            }
        }
    }

    /// The seeds of an entry point; one that has none yet begins with nothing.
    private func seeds(_ name: String) -> [[UInt8]] {
        let root = Repository.root + "/Corpus/fuzz"
        guard let folder = opendir("\(root)/\(name)") else { return [[]] }
        closedir(folder)
        return Repository.files(in: "Corpus/fuzz/\(name)", ending: "").filter { !$0.hasPrefix(".") }.map {
            Repository.joined(Repository.read("\(root)/\(name)/\($0)"))
        }
    }

    private func change(_ input: inout [UInt8], _ target: FuzzTarget, _ random: inout SplitMix) {
        if let mutation = target.mutation, !random.chance(3) { return mutation(&input, &random) }
        let place = random.below(input.count + 1)
        switch random.below(4) {
        case 0 where place < input.count: input[place] = UInt8(random.below(256))
        case 1 where place < input.count: input.remove(at: place)
        case 2: input.insert(UInt8(random.below(256)), at: place)
        default: input.insert(contentsOf: input.prefix(random.below(40)), at: place)
        }
    }
}
