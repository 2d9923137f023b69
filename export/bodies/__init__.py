"""People of all heights and builds: their bodies, poses and motions.

skeleton       the bones of the body mesh, and poses as directions of limbs
body           the body bank: sample a person, pose it, get skin and BODY_25 joints
legs           feet on the floor, and a body's centre of mass
upper_body     trunk, arms and head
poses          random poses of all kinds, for a given body
everyday_poses builders of standing, walking, sitting and so on
pose_mixing    more training poses than were recorded
mocap          motion capture clips as poses for any body
acting         people who move: key poses joined by smooth motion, clips and walks
breathing      the chest of somebody who keeps still
fall_scripts   acted falls, and motions that are easily taken for one

data/ has the bank and the clips, with their licences. Room axes: x right, y away from the camera, z
up, metres.
"""
