"""Networks whose wires pass many layers."""

DENSE = """netspec: 1
inputs: {image: [3, 32, 32]}
layers:
  c0: {type: conv2d, out_channels: 16, kernel_size: 3, padding: 1}
  c1: {type: conv2d, out_channels: 16, kernel_size: 3, padding: 1, from: c0}
  j1: {type: concat, from: [c0, c1]}
  c2: {type: conv2d, out_channels: 16, kernel_size: 3, padding: 1, from: j1}
  j2: {type: concat, from: [c0, c1, c2]}
  c3: {type: conv2d, out_channels: 16, kernel_size: 3, padding: 1, from: j2}
  j3: {type: concat, from: [c0, c1, c2, c3]}
"""
UNET = """netspec: 1
inputs: {image: [3, 64, 64]}
layers:
  down1: {type: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  pool1: {type: max_pool2d, kernel_size: 2}
  down2: {type: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  pool2: {type: max_pool2d, kernel_size: 2}
  bottom:
    type: residual
    layers:
      conv: {type: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  up2: {type: upsample, scale_factor: 2}
  join2: {type: concat, from: [up2, down2]}
  up1: {type: upsample, scale_factor: 2}
  join1: {type: concat, from: [up1, down1]}
"""
