import { create } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import { DownloadVideoResponseSchema, type DownloadVideoResponse, type Video } from '#gen/switchyard/v1/video_pb.ts'
import type { Core } from '../core/contract.ts'
import type { Surface } from '../dialects/surface.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves what may be asked of videos that were begun. */
export function videoMethods(
  core: Core,
): Pick<Offered<'InferenceService'>, 'getVideo' | 'cancelVideo' | 'downloadVideo' | 'listVideos' | 'deleteVideo'> {
  const surface = (context: HandlerContext): Surface => surfaceOf(core, context)
  return {
    getVideo: async ({ id }, context) => {
      const { videos, files } = surface(context)
      return await linked(await videos.get(id), files)
    },
    cancelVideo: ({ id }, context) => surface(context).videos.cancel(id),
    downloadVideo: ({ id }, context) => download(surface(context), id),
    listVideos: async (request, context) => {
      const { videos, files } = surface(context)
      const list = await videos.list(request)
      return { ...list, videos: await Promise.all(list.videos.map((video) => linked(video, files))) }
    },
    deleteVideo: async ({ id }, context) => ({ id: await surface(context).videos.remove(id) }),
  }
}

/** A video with links to its files. Without a public URL of the gateway they are paths. */
async function linked(video: Video, files: Surface['files']): Promise<Video> {
  const links = video.files.map(async (file) => ({ ...file, url: await files.link(file.url) }))
  return { ...video, files: await Promise.all(links) }
}

async function* download({ videos }: Surface, id: string): AsyncGenerator<DownloadVideoResponse, void, void> {
  const content = await videos.content(id)
  let { mediaType } = content
  for await (const data of content.read()) {
    yield create(DownloadVideoResponseSchema, { data, mediaType })
    mediaType = ''
  }
}
