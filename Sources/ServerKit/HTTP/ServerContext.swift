package import Hummingbird
package import NIOCore

/// What Hummingbird carries along with a request.
package struct ServerContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection, to close it on a reader that does not read.
    package let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The address of the other end of the connection, which may be a proxy's.
    package var peer: String? { channel.remoteAddress?.ipAddress }
}
